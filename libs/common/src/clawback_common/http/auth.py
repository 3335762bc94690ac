"""Authentication of requests by API key.

Commands always need a key. Reads need one when `enable_auth` is set. A key that is sent must be valid in any case.
"""

from collections.abc import Sequence
from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from clawback_common.http.api_keys import ANYONE, ApiKeys, Caller
from clawback_common.http.problem import Problem

__all__ = ["ANYONE", "ApiKeys", "Caller", "Gate", "caller_of", "reader", "require"]

_bearer = HTTPBearer(auto_error=False, scheme_name="bearer")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="header")


def caller_of(request: Request) -> Caller | None:
    """Return the caller of the request, None without a key. The key is looked up once per request.

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


async def _documented(
    _bearer_key: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    _header_key: Annotated[str | None, Security(_header)] = None,
) -> None:
    """Describe for the documentation where a request carries its key."""


class Gate:
    """A dependency that admits a caller, or answers 401 or 403. It reads only the request's headers."""

    def __init__(self, roles: Sequence[str], *, open_without_auth: bool) -> None:
        self.roles = tuple(roles)
        self._open_without_auth = open_without_auth

    def admit(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            Problem: 401 without a valid key where one is needed, 403 without one of the roles.
        """
        caller = caller_of(request)
        if self._open_without_auth and not request.app.state.enable_auth:
            return caller or ANYONE
        if caller is None:
            raise _unauthorised("This needs an API key.")
        if self.roles and caller.roles.isdisjoint(self.roles):
            raise Problem(403, f"This needs the role {' or '.join(self.roles)}.")
        return caller

    async def __call__(self, request: Request, _: Annotated[None, Depends(_documented)]) -> Caller:
        """Admit the caller, as a dependency of a route."""
        return self.admit(request)


def require(*roles: str) -> Gate:
    """Return the gate of a command: a valid key with one of these roles, or any valid key without roles."""
    return Gate(roles, open_without_auth=False)


def reader(*roles: str) -> Gate:
    """Return the gate of a read: as `require`, but open to anyone when authentication is not enabled."""
    return Gate(roles, open_without_auth=True)


def _unauthorised(detail: str, more: str = "") -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="api"{more}'})
