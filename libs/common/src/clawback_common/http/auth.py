"""Who calls: API keys with a subject and roles, hashed at rest, read anew when their file changes.

Acts always need a key. Reads need one when `enable_auth` is set; a key that is offered must be valid
in any case.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import structlog
import yaml
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from clawback_common.errors import Stop
from clawback_common.http.problem import Problem
from clawback_common.telemetry.describe import describe

BOUND_ROLES = ("licensor", "upstream")
"""Roles that act for providers, so their keys must name which."""
UNBOUND_ROLE = "officer"
"""Acts for every provider."""
PUBLIC_KEY_BYTES = 32

_FIELDS = frozenset({"subject", "roles", "sha256", "providers", "signing_keys"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PROVIDER = re.compile(r"[a-z0-9-]{1,32}")
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_bearer = HTTPBearer(auto_error=False, scheme_name="bearer")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")
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


def caller_of(request: Request) -> Caller | None:
    """The caller whose key came with the request, None without one. The key is looked up once a request.

    Raises:
        Problem: 401, the key is not valid.
    """
    if not hasattr(request.state, "caller"):
        request.state.caller = _look_up(request)
    caller: Caller | None = request.state.caller
    return caller


def _look_up(request: Request) -> Caller | None:
    scheme, credentials = get_authorization_scheme_param(request.headers.get("authorization"))
    key = credentials if scheme.lower() == "bearer" and credentials else request.headers.get("x-api-key")
    if not key:
        return None
    keys: ApiKeys = request.app.state.api_keys
    caller = keys.caller(key)
    if caller is None:
        raise _unauthorised("This key is not valid.", ', error="invalid_token"')
    structlog.contextvars.bind_contextvars(subject=caller.subject)
    return caller


def _documented(
    _bearer_key: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    _header_key: Annotated[str | None, Security(_header)] = None,
) -> None:
    """Where a key may stand, for the documentation."""


class Gate:
    """A dependency that admits a caller, or answers 401 or 403. It needs the request's head alone."""

    def __init__(self, roles: Sequence[str], *, open_without_auth: bool) -> None:
        self.roles = tuple(roles)
        self._open_without_auth = open_without_auth

    def admit(self, request: Request) -> Caller:
        """Who calls.

        Raises:
            Problem: 401 without a valid key where one is needed, 403 without one of the roles.
        """
        caller = caller_of(request)
        if caller is None:
            if self._open_without_auth and not request.app.state.enable_auth:
                return ANYONE
            raise _unauthorised("This needs an API key.")
        if self.roles and caller.roles.isdisjoint(self.roles):
            raise Problem(403, f"This needs the role {' or '.join(self.roles)}.")
        return caller

    async def __call__(self, request: Request, _: Annotated[None, Depends(_documented)]) -> Caller:
        """As a dependency of a route."""
        return self.admit(request)


def require(*roles: str) -> Gate:
    """For commands: a valid key with one of these roles (with none given, any valid key)."""
    return Gate(roles, open_without_auth=False)


def reader() -> Gate:
    """For reads: any valid key, or anyone where authentication is not enabled."""
    return Gate((), open_without_auth=True)


def _unauthorised(detail: str, more: str = "") -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="api"{more}'})


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
            found[key_id] = base64.b64decode(text, validate=True)
        except (binascii.Error, TypeError, ValueError):
            found[key_id] = b""
        if len(found[key_id]) != PUBLIC_KEY_BYTES:
            raise ValueError(f"entry {index}: signing key {key_id} is not 32 bytes in base64")
    return found


def _reason(error: Exception) -> str:
    """Our own words for what the file lacks; YAML's would quote the line."""
    return str(error) if type(error) is ValueError else describe(error)
