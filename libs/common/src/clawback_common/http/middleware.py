"""Middleware of every request: request id, span, metrics, access log and limits.

Plain ASGI: Starlette's base class would run each request in a separate task and lose the context.
"""

import re
import time
from collections.abc import Mapping
from uuid import uuid4

import structlog
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawback_common.clock import Clock
from clawback_common.http.problem import Problem
from clawback_common.http.problems import problem_of, respond
from clawback_common.telemetry.metrics import histogram
from clawback_common.telemetry.tracing import note_error, span

BODY_BYTES_MAX = 65_536
"""For paths without their own limit; no command is longer."""
REQUESTS_MAX = 200
"""Concurrent requests in one process; further ones are answered 503 at once instead of being queued."""
READS_MAX = 150
"""Concurrent reads within that: however slow they are, a command is not answered 503 because of them."""
QUIET_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""Requested every few seconds: logged at debug, without a span."""

_DURATION = histogram(
    "http_server_request_duration_seconds",
    "From the request's head to the last byte of the response",
    ("method", "route", "status"),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_READS = "GET"
"""In the place of a path prefix; no path begins with it."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SERVER_ERROR = 500
_log = structlog.stdlib.get_logger(__name__)


class RequestContext:
    """The outermost middleware: assigns request id and span, and answers unhandled errors with 500."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid4())
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            exchange = _Exchange(self._app, self._clock, scope, send, request_id)
            if scope["path"] in QUIET_PATHS:
                await exchange.run(receive, None)
                return
            method = _method(scope)
            with span(method, kind=SpanKind.SERVER, parent=headers.get("traceparent")) as current:
                await exchange.run(receive, current)


class _Exchange:
    """One request and its response."""

    def __init__(self, app: ASGIApp, clock: Clock, scope: Scope, send: Send, request_id: str) -> None:
        self._app, self._clock, self._scope = app, clock, scope
        self._send, self._request_id = send, request_id
        self._status: int | None = None
        self._failed = False

    async def run(self, receive: Receive, current: Span | None) -> None:
        began_s = time.perf_counter()
        try:
            await self._app(self._scope, receive, self._answer)
        except Exception as error:  # noqa: BLE001 - the outermost frame of a request: it responds and logs
            await self._unexpected(error, receive, current)
        finally:
            self._record(time.perf_counter() - began_s, current)
            structlog.contextvars.unbind_contextvars("subject")

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
            if self._scope["path"].startswith("/api/"):  # a cache would keep content that is revoked later
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)

    async def _unexpected(self, error: Exception, receive: Receive, current: Span | None) -> None:
        self._failed = True
        _log.error("a request failed unexpectedly", exc_info=error)
        if current is not None:
            note_error(current, error)
        if self._status is None:
            response = respond(problem_of(error), instance=self._scope["path"], clock=self._clock)
            await response(self._scope, receive, self._answer)

    def _record(self, took_s: float, current: Span | None) -> None:
        """Record the metrics, the span and the log line of a response, or of a client that disconnected."""
        method, route, status = _method(self._scope), _route(self._scope), self._status or 499
        _DURATION.labels(method=method, route=route, status=str(status)).observe(took_s)
        tell = _log.debug if current is None else _log.info
        tell("request", method=method, route=route, status=status, duration_ms=round(took_s * 1000, 1))
        if current is not None:
            current.update_name(f"{method} {route}")
            current.set_attributes(
                {"http.request.method": method, "http.route": route, "http.response.status_code": status}
            )
            if status >= _SERVER_ERROR and not self._failed:
                current.set_status(StatusCode.ERROR)


class RequestLimit:
    """Answers 503 while `requests_max` requests are running. Probes and metrics are always answered.

    `reads_max` limits reads within that, and `by_prefix` maps path prefixes to their own limits. Where a body is read
    before the caller is authenticated, slow clients must not occupy all of the capacity.
    """

    def __init__(
        self,
        app: ASGIApp,
        clock: Clock,
        requests_max: int = REQUESTS_MAX,
        reads_max: int = READS_MAX,
        by_prefix: Mapping[str, int] | None = None,
    ) -> None:
        self._app, self._clock = app, clock
        self._limits = {"": requests_max, _READS: reads_max, **(by_prefix or {})}
        self._in_work = dict.fromkeys(self._limits, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http" or scope["path"] in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        counted = [prefix for prefix in self._limits if scope["path"].startswith(prefix)]
        if scope["method"] == "GET":
            counted.append(_READS)
        if any(self._in_work[prefix] >= self._limits[prefix] for prefix in counted):
            problem = Problem(503, "Too many concurrent requests.", retry_after_s=1.0)
            await respond(problem, instance=scope["path"], clock=self._clock)(scope, receive, send)
            return
        for prefix in counted:
            self._in_work[prefix] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            for prefix in counted:
                self._in_work[prefix] -= 1


class BodyLimit:
    """Refuses a body over the limit of its path with 413, from its declared length or while it arrives.

    `by_prefix` maps path prefixes to limits in bytes; the longest matching prefix counts.
    """

    def __init__(self, app: ASGIApp, clock: Clock, by_prefix: Mapping[str, int]) -> None:
        self._app, self._clock = app, clock
        self._by_prefix = sorted(by_prefix.items(), key=lambda item: len(item[0]), reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Process one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            await respond(too_large(limit), instance=scope["path"], clock=self._clock)(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)

    def _limit(self, path: str) -> int:
        return next((limit for prefix, limit in self._by_prefix if path.startswith(prefix)), BODY_BYTES_MAX)


def too_large(limit: int) -> Problem:
    """Return a 413 that closes the connection, because the rest of the body is not read."""
    return Problem(413, f"The body is larger than {limit} bytes.", headers={"Connection": "close"})


def _counted(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that fails once more than `limit` bytes have arrived."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            problem = too_large(limit)
            # FastAPI turns any other error of reading a body into a 400.
            raise HTTPException(problem.status, problem.detail, problem.headers)
        return message

    return counted


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"


def _route(scope: Scope) -> str:
    """Return the template of the matched route, so that ids in paths create no new time series.

    FastAPI leaves the router's own route in the scope, without the prefix under which it was included; the full path is
    in the scope's `fastapi` part.
    """
    included = scope.get("fastapi", {}).get("effective_route_context")
    return getattr(included or scope.get("route"), "path_format", None) or "unmatched"
