"""The FastAPI application of every API: probes, metrics, documentation, problems, request ids, keys and limits."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from typing_extensions import override

from clawback_common.clock import Clock, SystemClock
from clawback_common.http.auth import ApiKeys
from clawback_common.http.docs import docs_routes
from clawback_common.http.middleware import BodyLimit, RequestContext, RequestLimit
from clawback_common.http.probe_app import probe_routes
from clawback_common.http.probes import Probes
from clawback_common.http.problems import MEDIA_TYPE, add_handlers
from clawback_common.http.rate_limits.middleware import RateLimit, RateLimits
from clawback_common.http.routing import Router

PREFIX = "/api/v1"
OPENAPI = "/openapi.json"
HOLDINGS_BYTES_MAX = 200_000
"""500 of the longest ids as JSON: the limit for the holdings query, which several services serve."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class HttpSettings(Protocol):
    """The settings of an API."""

    @property
    def enable_auth(self) -> bool:
        """Whether reads need a key."""

    @property
    def api_keys_file(self) -> Path | None:
        """The file of API keys; None: no key is valid."""


def create_app(
    *,
    title: str,
    version: str,
    settings: HttpSettings,
    probes: Probes,
    routers: Sequence[Router] = (),
    lifespan: Lifespan | None = None,
    body_bytes_max: Mapping[str, int] | None = None,
    requests_max: Mapping[str, int] | None = None,
    limits: RateLimits | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """Create an API with its routers under `/api/v1`, and the endpoints of every service.

    Args:
        title: of the documentation.
        version: of the service.
        settings: the file of keys, and whether reads need a key.
        probes: the source of `/readyz`.
        routers: with paths below `/api/v1`.
        lifespan: started before and stopped after serving.
        body_bytes_max: size limits in bytes by path prefix, where 64 KB is not right.
        requests_max: limits on concurrent requests by path prefix, for endpoints that anonymous clients can occupy.
        limits: limits on the rate of requests; None: there are none.
        clock: for the time in problems.

    Raises:
        Stop: the file of API keys cannot be read.
    """
    time = clock or SystemClock()
    app = _Api(
        title=title,
        version=version,
        lifespan=lifespan,
        routes=[*probe_routes(probes), *docs_routes(title, OPENAPI)],
        openapi_url=OPENAPI,
        docs_url=None,
        redoc_url=None,
        responses=_PROBLEM_RESPONSES,
        telemetry=_NO_TELEMETRY,
        middleware=[
            Middleware(RequestContext, clock=time),
            *([] if limits is None else [Middleware(RateLimit, clock=time, limits=limits)]),
            Middleware(RequestLimit, clock=time, by_prefix=requests_max),
            Middleware(BodyLimit, clock=time, by_prefix=body_bytes_max or {}),
        ],
    )
    app.state.api_keys = ApiKeys(settings.api_keys_file)
    app.state.enable_auth = settings.enable_auth
    add_handlers(app, time)
    for router in routers:
        app.include_router(router, prefix=PREFIX)
    return app


_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI's own instrumentation records error messages and input values; ours does not."""

_FIELD_ERROR = {
    "type": "object",
    "required": ["path", "code", "message"],
    "properties": {
        "path": {"type": "string", "examples": ["items[3].title"]},
        "code": {"type": "string", "examples": ["missing"]},
        "message": {"type": "string"},
    },
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "required": ["type", "title", "status", "detail", "instance", "trace_id", "errors", "error"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "trace_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": _FIELD_ERROR},
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "retry_after", "timestamp"],
            "properties": {
                "code": {"type": "integer"},
                "message": {"type": "string"},
                "details": {"type": "array", "items": _FIELD_ERROR},
                "retry_after": {"type": ["integer", "null"], "description": "Seconds"},
                "timestamp": {"type": "string", "format": "date-time"},
            },
        },
    },
}
_PROBLEM: dict[str, Any] = {
    "description": "A problem (RFC 9457)",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_PROBLEM_RESPONSES: dict[int | str, dict[str, Any]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}


class _Api(FastAPI):
    """Documents our problems instead of FastAPI's own validation error."""

    @override
    def openapi(self) -> dict[str, Any]:
        schema = super().openapi()
        schema.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM_SCHEMA
        return schema
