"""API keys and signing keys: who may do what. Stored as hashes; reloaded when their file changes.

This module needs no web framework: a worker authenticates records with the same file.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import structlog
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from clawback_common.config.yaml_file import FileError, Loc, one_each, read_file
from clawback_common.errors import Stop
from clawback_common.telemetry.describe import describe
from clawback_contracts.signatures import KEY_ID_PATTERN, public_key

BOUND_ROLES = ("licensor", "upstream")
"""Roles that act for providers; their keys must list the providers."""
UNBOUND_ROLE = "officer"
"""The role that acts for every provider."""

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request, for authorization and for the records of what was done."""

    subject: str
    roles: frozenset[str]
    providers: frozenset[str] = frozenset()
    """The providers whose articles it may submit or revoke; does not restrict an officer."""

    def acts_for(self, provider: str) -> bool:
        """Return whether it may submit or revoke articles of this provider."""
        return UNBOUND_ROLE in self.roles or provider in self.providers

    @property
    def known(self) -> bool:
        """False for an anonymous reader, where reads need no key."""
        return self != ANYONE


ANYONE = Caller("anyone", frozenset())


@dataclass(frozen=True, slots=True)
class _Key:
    caller: Caller
    sha256: str | None
    signing_keys: Mapping[str, bytes]


class ApiKeys:
    """The keys of a YAML file: a list of ``{subject, roles, sha256, providers, signing_keys}``.

    ``sha256`` is the hash of the key in lower-case hex. ``providers`` is required for roles that act for providers.
    ``signing_keys`` maps the key ids that signatures use to Ed25519 public keys (base64). An entry may have signing
    keys only.

    Raises:
        Stop: the file cannot be read at start-up. Later, an invalid file is reported and the previous keys stay valid,
            so that a half-written file locks nobody out.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._keys: tuple[_Key, ...] = ()
        self._stamp: tuple[int, int] | None = None
        if path is not None:
            try:
                self._stamp = _stamp(path)
                self._keys = _read(path)
            except (OSError, ValueError) as error:
                raise Stop(f"API_KEYS_FILE {path} cannot be used: {_reason(error)}") from None

    @classmethod
    def none(cls) -> Self:
        """Return an instance without keys: commands are refused, and reads too where they need a key."""
        return cls(None)

    def caller(self, key: str) -> Caller | None:
        """Return the owner of this key; every hash is compared, in constant time."""
        self._refresh()
        given = hashlib.sha256(key.encode()).hexdigest()
        found = None
        for entry in self._keys:
            if entry.sha256 is not None and hmac.compare_digest(entry.sha256, given):
                found = entry.caller
        return found

    def providers_of(self, subject: str) -> frozenset[str]:
        """Return the providers of all keys of this subject."""
        self._refresh()
        return frozenset().union(
            *(entry.caller.providers for entry in self._keys if entry.caller.subject == subject)
        )

    def subjects(self) -> frozenset[str] | None:
        """Return all subjects with an API key; None when no file of keys is configured."""
        if self._path is None:
            return None
        self._refresh()
        return frozenset(entry.caller.subject for entry in self._keys if entry.sha256 is not None)

    def signer(self, key_id: str) -> tuple[Caller, bytes] | None:
        """Return the owner of this signing key, and its public key."""
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
                _log.info("API keys reloaded", keys_count=len(self._keys))
        except (OSError, ValueError) as error:
            _log.error("API keys cannot be reloaded, the previous ones stay valid", reason=_reason(error))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


class _Entry(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: str = Field(min_length=1)
    roles: frozenset[str]
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    providers: frozenset[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]] = frozenset()
    signing_keys: dict[Annotated[str, Field(pattern=KEY_ID_PATTERN)], bytes] = Field(default_factory=dict)

    @field_validator("signing_keys", mode="before")
    @classmethod
    def _decoded(cls, written: object) -> object:
        if not isinstance(written, dict):
            return written
        try:
            return {key_id: public_key(text) for key_id, text in written.items()}
        except (TypeError, ValueError):
            raise ValueError("a signing key must be 32 bytes in base64") from None

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        if self.sha256 is None and not self.signing_keys:
            raise ValueError("an entry needs sha256 in lower-case hex, or signing_keys, or both")
        bound = [role for role in BOUND_ROLES if role in self.roles]
        if bound and not self.providers:
            raise ValueError(f"the role {bound[0]} needs providers: those whose articles it may act on")
        return self

    @property
    def key(self) -> _Key:
        """Return the entry in the form in which keys are looked up."""
        return _Key(Caller(self.subject, self.roles, self.providers), self.sha256, self.signing_keys)


def _read(path: Path) -> tuple[_Key, ...]:
    return tuple(entry.key for entry in read_file(path, tuple[_Entry, ...], _check))


def _check(entries: Sequence[_Entry]) -> Iterator[tuple[Loc, str]]:
    ids = [
        ((n, "signing_keys", key_id), key_id)
        for n, entry in enumerate(entries)
        for key_id in entry.signing_keys
    ]
    return one_each(ids, "signing key")


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, FileError) else describe(error)
