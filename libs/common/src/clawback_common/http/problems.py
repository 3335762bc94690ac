"""Every error an API answers, as `application/problem+json` (RFC 9457) with our `error` object.

Nothing of an input's value and nothing of an unexpected error's message is answered; the `trace_id`
leads an operator to the log line.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from clawback_common.clock import Clock
from clawback_common.errors import ClawbackError, Conflict, Poison, Transient
from clawback_common.telemetry.describe import place
from clawback_common.telemetry.tracing import trace_id

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5.0
"""Told when the error does not know better: a broker or database back from a restart."""

_INPUT_IN_MESSAGE: Final = frozenset({"union_tag_invalid", "uuid_parsing", "json_invalid"})
_ECHO_MIN: Final = 3
_log = structlog.stdlib.get_logger(__name__)


class Problem(ClawbackError):
    """An answer that is an error.

    Args:
        status: the HTTP status.
        detail: what the caller can do about it; no values of its input.
        errors: one object a field: ``path``, ``code``, ``message``.
        title: a short name of the kind of problem; by default the status's own.
        retry_after_s: seconds after which another try makes sense.
        headers: further headers.
        extra: further members of the body, such as when and why something is gone.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        title: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors = status, detail, list(errors)
        self.title = title or _phrase(status)
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def field_error(path: str, code: str, message: str) -> dict[str, str]:
    """One member of `errors`: `items[3].title`, `missing`, `Field required`."""
    return {"path": path, "code": code, "message": message}


def respond(problem: Problem, *, instance: str, clock: Clock) -> Response:
    """The problem as a response about the path `instance`."""
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
    """The problem that stands for an error; for one that is not ours, a 500 that says nothing of it."""
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            problem = invalid(error.errors())
        case HTTPException():
            problem = Problem(error.status_code, _told(error), headers=error.headers)
        case Transient():
            wait_s = RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
            problem = Problem(503, str(error), retry_after_s=wait_s)
        case Conflict():
            problem = Problem(409, str(error))
        case Poison():
            problem = Problem(422, str(error), errors=[field_error("", error.reason, error.detail)])
        case _:
            problem = Problem(500, "Something went wrong here; the trace id leads to it.")
    return problem


def invalid(details: Iterable[Any], *, skip: int = 1) -> Problem:
    """A 422 from pydantic's error details; `skip` parts of each location say only where it came in."""
    errors = [field_error(_path(detail, skip), str(detail["type"]), _message(detail)) for detail in details]
    return Problem(422, f"{len(errors)} field(s) are not valid.", errors=errors)


def add_handlers(app: FastAPI, clock: Clock) -> None:
    """Answer every error that a route raises as a problem; the unexpected is the middleware's."""

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


def _path(detail: Mapping[str, Any], skip: int) -> str:
    """Where in the body; of a body that is no JSON, the whole of it."""
    return "" if detail["type"] == "json_invalid" else place(detail["loc"][skip:])


def _message(detail: Mapping[str, Any]) -> str:
    """Pydantic's words, unless they repeat the input."""
    given, words = detail.get("input"), str(detail["msg"]).removeprefix("Value error, ")
    echoes = isinstance(given, str) and len(given) >= _ECHO_MIN and given in words
    return "Not valid" if echoes or detail["type"] in _INPUT_IN_MESSAGE else words


def _told(error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == _phrase(404):
        return "There is nothing at this path."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return "This path does not take this method; the Allow header says which."
    if error.detail == "There was an error parsing the body":
        return "The body cannot be read: it is not UTF-8, or nests too deep."
    return error.detail


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _whole_seconds(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, int(-(-seconds // 1)))
