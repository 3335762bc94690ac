"""Error responses of an API, as `application/problem+json` (RFC 9457) with our `error` object.

A response contains neither input values nor the message of an unexpected error. Its `trace_id` leads an operator to
the log line.
"""

from http import HTTPStatus
from typing import Final

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from clawback_common.clock import Clock
from clawback_common.errors import ClawbackError, Conflict, Forbidden, Poison, Transient
from clawback_common.http.problem import Problem, field_error, invalid, phrase
from clawback_common.telemetry.tracing import trace_id

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5.0
"""Used when the error has no value of its own: enough for a broker or database that restarts."""

_log = structlog.stdlib.get_logger(__name__)


def respond(problem: Problem, *, instance: str, clock: Clock) -> Response:
    """Return the problem as a response for the path `instance`."""
    retry_after = _whole_seconds(problem.retry_after_s)
    body = problem.extra | {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance,
        "trace_id": trace_id(),
        "errors": problem.errors,
        "error": {
            "code": problem.status,
            "message": problem.detail,
            "details": problem.errors,
            "retry_after": retry_after,
            "timestamp": clock.now().isoformat(),
        },
    }
    headers = dict(problem.headers)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    return Response(orjson.dumps(body), problem.status, headers, MEDIA_TYPE)


def problem_of(error: Exception) -> Problem:
    """Return the problem for an error; for an unexpected error, a 500 without its message."""
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            problem = invalid(error.errors())
        case HTTPException():
            problem = Problem(error.status_code, _detail_of(error), headers=error.headers)
        case Transient():
            wait_s = RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
            problem = Problem(503, str(error), retry_after_s=wait_s)
        case Conflict():
            problem = Problem(409, str(error))
        case Forbidden():
            problem = Problem(403, str(error))
        case Poison():
            problem = Problem(422, str(error), errors=[field_error("", error.reason, error.detail)])
        case _:
            problem = Problem(500, "Internal error; find it in the log by the trace id.")
    return problem


def add_handlers(app: FastAPI, clock: Clock) -> None:
    """Answer every error that a route raises with a problem; the middleware answers unexpected ones."""

    async def answer(request: Request, error: Exception) -> Response:
        return respond(problem_of(error), instance=request.url.path, clock=clock)

    async def answer_ours(request: Request, error: Exception) -> Response:
        if isinstance(error, Transient):
            _log.warning("a request cannot be served now", error=error)
        elif problem_of(error).status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("a request failed", exc_info=error)
        return await answer(request, error)

    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(RequestValidationError, answer)
    app.add_exception_handler(ClawbackError, answer_ours)


def _detail_of(error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == phrase(404):
        return "There is no resource at this path."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return "This path does not support this method; the Allow header lists those it supports."
    if error.detail == "There was an error parsing the body":
        return "The body cannot be read: it is not UTF-8, or nests too deeply."
    return error.detail


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, int(-(-seconds // 1)))
