"""API keys and signing keys: who may do what, hashed at rest, read again when their file changes.

Nothing of a web framework is needed here: a worker authenticates records with the same file.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import structlog
import yaml

from clawback_common.errors import Stop
from clawback_common.telemetry.describe import describe
from clawback_contracts.signatures import KEY_ID_PATTERN, public_key

BOUND_ROLES = ("licensor", "upstream")
"""Roles that act for providers, so their keys must name which."""
UNBOUND_ROLE = "officer"
"""Acts for every provider."""

_FIELDS = frozenset({"subject", "roles", "sha256", "providers", "signing_keys"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROVIDER = re.compile(r"[a-z0-9-]{1,32}")
_KEY_ID = re.compile(KEY_ID_PATTERN)
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for decisions and for the record of them."""

    subject: str
    roles: frozenset[str]
    providers: frozenset[str] = frozenset()
    """Whose articles it may submit or revoke; an officer is not bound."""

    def acts_for(self, provider: str) -> bool:
        """Whether it may submit or revoke articles of this provider."""
        return UNBOUND_ROLE in self.roles or provider in self.providers

    @property
    def known(self) -> bool:
        """False for a reader who showed no key where none was needed."""
        return self != ANYONE


ANYONE = Caller("anyone", frozenset())


@dataclass(frozen=True, slots=True)
class _Key:
    caller: Caller
    sha256: str | None
    signing_keys: Mapping[str, bytes]


class ApiKeys:
    """The keys of a YAML file: a list of ``{subject, roles, sha256, providers, signing_keys}``.

    ``sha256`` is the key's hash in lower-case hex. ``providers`` is needed by the roles that act for some.
    ``signing_keys`` are Ed25519 public keys (base64) by the id that a signature names; an entry may have these alone.

    Raises:
        Stop: the file cannot be read when the process starts. Later a bad file is reported and the
            keys before it stay valid, for half a written file must lock nobody out.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._keys: tuple[_Key, ...] = ()
        self._stamp: tuple[int, int] | None = None
        if path is not None:
            try:
                self._stamp = _stamp(path)
                self._keys = _read(path)
            except (OSError, ValueError, yaml.YAMLError) as error:
                raise Stop(f"API_KEYS_FILE {path} cannot be used: {_reason(error)}") from None

    @classmethod
    def none(cls) -> Self:
        """No key is valid: acts are refused, and reads too where they need one."""
        return cls(None)

    def caller(self, key: str) -> Caller | None:
        """Whose key this is; every hash is compared, in constant time."""
        self._refresh()
        given = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for entry in self._keys:
            if entry.sha256 is not None and hmac.compare_digest(entry.sha256, given):
                found = entry.caller
        return found

    def providers_of(self, subject: str) -> frozenset[str]:
        """For whose articles any key of this subject acts."""
        self._refresh()
        return frozenset().union(
            *(entry.caller.providers for entry in self._keys if entry.caller.subject == subject)
        )

    def subjects(self) -> frozenset[str] | None:
        """Everybody who has an API key; None where there is no file of keys."""
        if self._path is None:
            return None
        self._refresh()
        return frozenset(entry.caller.subject for entry in self._keys if entry.sha256 is not None)

    def signer(self, key_id: str) -> tuple[Caller, bytes] | None:
        """Whose signing key this is, and its public key."""
        self._refresh()
        for entry in self._keys:
            if key_id in entry.signing_keys:
                return entry.caller, entry.signing_keys[key_id]
        return None

    def _refresh(self) -> None:
        if self._path is None:
            return
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._keys = _read(self._path)
                _log.info("API keys read again", keys_count=len(self._keys))
        except (OSError, ValueError, yaml.YAMLError) as error:
            _log.error("API keys cannot be read; the former ones stay", reason=_reason(error))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


def _read(path: Path) -> tuple[_Key, ...]:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list):
        raise ValueError("not a list of keys")  # noqa: TRY004 - one kind of error for all that a file can have wrong
    keys = tuple(_key(index, entry) for index, entry in enumerate(entries))
    ids = [key_id for key in keys for key_id in key.signing_keys]
    twice = sorted({key_id for key_id in ids if ids.count(key_id) > 1})
    if twice:
        raise ValueError(f"signing_keys has {', '.join(twice)} more than once")
    return keys


def _key(index: int, entry: Any) -> _Key:
    match entry:
        case {"subject": str(subject), "roles": list(roles), **more} if (
            subject and all(isinstance(role, str) for role in roles) and entry.keys() <= _FIELDS
        ):
            sha256, signing_keys = more.get("sha256"), _signing_keys(index, more.get("signing_keys", {}))
            if (sha256 is None and signing_keys) or (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
                caller = Caller(
                    subject, frozenset(roles), _providers(index, roles, more.get("providers", []))
                )
                return _Key(caller, sha256, signing_keys)
    raise ValueError(
        f"entry {index} is not {{subject, roles, sha256 in lower-case hex}} with providers and signing_keys where"
        " needed"
    )


def _providers(index: int, roles: list[str], written: Any) -> frozenset[str]:
    good = isinstance(written, list) and all(
        isinstance(one, str) and _PROVIDER.fullmatch(one) for one in written
    )
    if not good:
        raise ValueError(f"entry {index}: providers is not a list of names in a-z, 0-9 and -")
    bound = [role for role in BOUND_ROLES if role in roles]
    if bound and not written:
        raise ValueError(f"entry {index}: the role {bound[0]} needs providers: whose articles it may act on")
    return frozenset(written)


def _signing_keys(index: int, written: Any) -> Mapping[str, bytes]:
    if not isinstance(written, dict):
        raise ValueError(f"entry {index}: signing_keys is not {{key_id: public key}}")  # noqa: TRY004 - as above
    found = {}
    for key_id, text in written.items():
        if not (isinstance(key_id, str) and _KEY_ID.fullmatch(key_id)):
            raise ValueError(
                f"entry {index}: a key id has up to 64 letters, digits, dots, dashes, underscores"
            )
        try:
            found[key_id] = public_key(text)
        except (TypeError, ValueError):
            raise ValueError(f"entry {index}: signing key {key_id} is not 32 bytes in base64") from None
    return found


def _reason(error: Exception) -> str:
    """Our own words for what the file lacks; YAML's would quote the line."""
    return str(error) if type(error) is ValueError else describe(error)
