"""Who calls: API keys with a subject and roles, hashed at rest, read anew when their file changes.

Acts always need a key. Reads need one when `enable_auth` is set; a key that is offered must be valid
in any case.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import structlog
import yaml
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from clawback_common.errors import Stop
from clawback_common.http.problem import Problem
from clawback_common.telemetry.describe import describe

_SHA256 = re.compile(r"[0-9a-f]{64}")
_bearer = HTTPBearer(auto_error=False, scheme_name="bearer")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for decisions and for the record of them."""

    subject: str
    roles: frozenset[str]

    @property
    def known(self) -> bool:
        """False for a reader who showed no key where none was needed."""
        return self != ANYONE


ANYONE = Caller("anyone", frozenset())


@dataclass(frozen=True, slots=True)
class _Key:
    caller: Caller
    sha256: str


class ApiKeys:
    """The keys of a YAML file: a list of ``{subject, roles, sha256}``, the hash in lower-case hex.

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
            if hmac.compare_digest(entry.sha256, given):
                found = entry.caller
        return found

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


async def caller_of(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    header: Annotated[str | None, Security(_header)] = None,
) -> Caller | None:
    """The caller whose key came with the request, None without one; 401 on a key that is not valid."""
    key = bearer.credentials if bearer else header
    if not key:
        return None
    keys: ApiKeys = request.app.state.api_keys
    caller = keys.caller(key)
    if caller is None:
        raise _unauthorised("This key is not valid.", ', error="invalid_token"')
    structlog.contextvars.bind_contextvars(subject=caller.subject)
    return caller


_Caller = Annotated[Caller | None, Depends(caller_of)]


def require(*roles: str) -> Callable[[Caller | None], Awaitable[Caller]]:
    """A dependency for acts: a valid key with one of these roles (with none given, any valid key)."""

    async def allowed(caller: _Caller) -> Caller:
        if caller is None:
            raise _unauthorised("This needs an API key.")
        if roles and caller.roles.isdisjoint(roles):
            raise Problem(403, f"This needs the role {' or '.join(roles)}.")
        return caller

    return allowed


def reader() -> Callable[[Request, Caller | None], Awaitable[Caller]]:
    """A dependency for reads: any valid key, or anyone where authentication is not enabled."""

    async def allowed(request: Request, caller: _Caller) -> Caller:
        if caller is None and request.app.state.enable_auth:
            raise _unauthorised("This needs an API key.")
        return caller or ANYONE

    return allowed


def _unauthorised(detail: str, more: str = "") -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="api"{more}'})


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


def _read(path: Path) -> tuple[_Key, ...]:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(entries, list):
        raise ValueError("not a list of keys")  # noqa: TRY004 - one kind of error for all that a file can have wrong
    return tuple(_key(index, entry) for index, entry in enumerate(entries))


def _key(index: int, entry: Any) -> _Key:
    match entry:
        case {"subject": str(subject), "roles": list(roles), "sha256": str(sha256)} if (
            subject and _SHA256.fullmatch(sha256) and all(isinstance(role, str) for role in roles)
        ):
            return _Key(Caller(subject, frozenset(roles)), sha256)
        case _:
            raise ValueError(f"entry {index} is not {{subject, roles, sha256 in lower-case hex}}")


def _reason(error: Exception) -> str:
    """Our own words for what the file lacks; YAML's would quote the line."""
    return str(error) if type(error) is ValueError else describe(error)
