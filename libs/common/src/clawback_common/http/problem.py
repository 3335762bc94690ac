"""An error response, independent of the web framework, so that validation code can raise it anywhere."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

from clawback_common.errors import ClawbackError
from clawback_common.telemetry.describe import place

T = TypeVar("T")
_INPUT_IN_MESSAGE: Final = frozenset({"union_tag_invalid", "uuid_parsing", "json_invalid"})
_ECHO_MIN: Final = 3


class Problem(ClawbackError):
    """An error response.

    Args:
        status: the HTTP status.
        detail: what the caller can do about it; no values of its input.
        errors: one object per field: ``path``, ``code``, ``message``.
        title: a short name of the kind of problem; by default the phrase of the status.
        retry_after_s: seconds after which to try again.
        headers: further headers.
        extra: further members of the body, such as when and why something was deleted.
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
        self.title = title or phrase(status)
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def existing(value: T | None, detail: str) -> T:
    """Return the value.

    Raises:
        Problem: 404, there is none.
    """
    if value is None:
        raise Problem(404, detail)
    return value


def field_error(path: str, code: str, message: str) -> dict[str, str]:
    """Return one member of `errors`: `items[3].title`, `missing`, `Field required`."""
    return {"path": path, "code": code, "message": message}


def invalid(details: Iterable[Any], *, skip: int = 1) -> Problem:
    """Return a 422 from pydantic's error details; `skip` leading parts of each location are left out."""
    errors = [field_error(_path(detail, skip), str(detail["type"]), _message(detail)) for detail in details]
    return Problem(422, f"{len(errors)} field(s) are not valid.", errors=errors)


def phrase(status: int) -> str:
    """Return the reason phrase of the status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _path(detail: Mapping[str, Any], skip: int) -> str:
    """Return the location in the body; of a body that is not JSON, the whole of it."""
    return "" if detail["type"] == "json_invalid" else place(detail["loc"][skip:])


def _message(detail: Mapping[str, Any]) -> str:
    """Return pydantic's message, unless it repeats the input."""
    given, words = detail.get("input"), str(detail["msg"]).removeprefix("Value error, ")
    echoes = isinstance(given, str) and len(given) >= _ECHO_MIN and given in words
    return "Not valid" if echoes or detail["type"] in _INPUT_IN_MESSAGE else words
