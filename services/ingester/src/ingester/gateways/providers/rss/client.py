"""Requests a feed's document, only if it has changed, and refuses everything that is not such a document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from clawback_common.errors import Transient
from clawback_common.retry import Retry
from ingester.gateways.providers import port
from ingester.gateways.providers.answers import Answered, Unreachable, Unreadable, UnreadableAnswer
from ingester.gateways.providers.calls import Answer, Caller, Limits, Request
from ingester.gateways.providers.rss.cursor import Cursor
from ingester.gateways.providers.rss.document import Document, read

ENDPOINT: Final = "document"
MEDIA: Final = "application/atom+xml, application/rss+xml, application/xml;q=0.9, text/xml;q=0.8"
LIMITS: Final = Limits(
    call_timeout_s=60.0, body_bytes_max=16 * 2**20, retry=Retry(attempts=3, first_delay_ms=1000)
)
_REFUSALS: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)


class Refused(Answered, port.Refused):
    """Access is denied, or the document does not exist: a person must act."""


class MustWait(Answered, Transient):
    """Calls were too frequent: the server works, and accepts calls later."""


class ServerDown(Answered, Transient):
    """The server failed: retry."""


NOT_OUTAGES: Final = (Refused, MustWait)
"""Errors of a working server; a circuit breaker must not count them as failures."""
RETRYABLE: Final = (MustWait, ServerDown, UnreadableAnswer, Unreachable)


@dataclass(frozen=True, slots=True)
class State:
    """The present document and its cursor."""

    document: Document
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class FeedClient:
    """The client for one address.

    Attributes:
        url: Never logged.
        headers: Sent with every call; never logged.
        caller: Executes calls with rate limit, retries, breaker and records.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    caller: Caller

    async def state(self, known: Cursor | None) -> State | None:
        """Returns the document; None: it has not changed.

        Raises:
            Refused: A person must act.
            Transient: There is no document at present, or the response is not one.
        """
        conditions = known.conditions if known else {}
        request = Request(
            ENDPOINT,
            self.url,
            headers={"Accept": MEDIA, **self.headers, **conditions},
            cursor=known.written if known else None,
            read_error_body=False,
        )
        return await self.caller.get(request, lambda answer: _interpret(answer, known), _items)


def _items(state: State | None) -> int:
    return len(state.document.entries) if state else 0


def _interpret(answer: Answer, known: Cursor | None) -> State | None:
    """Interprets the status, then parses the document."""
    status = answer.status
    if status == HTTPStatus.NOT_MODIFIED and known is not None and known.conditions:
        return None
    if status in _REFUSALS:
        raise Refused(_words(status), "stop_and_page", retry_after_s=answer.retry_after_s)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise MustWait(_words(status), "wait", retry_after_s=answer.retry_after_s)
    if status >= HTTPStatus.BAD_REQUEST:
        raise ServerDown(_words(status), "transient", retry_after_s=answer.retry_after_s)
    if status != HTTPStatus.OK:
        moved = HTTPStatus.MULTIPLE_CHOICES <= status != HTTPStatus.NOT_MODIFIED
        raise UnreadableAnswer(Unreadable.REDIRECT if moved else Unreadable.NOT_AN_ANSWER)
    return State(read(answer.body, answer.content_type), Cursor.of(answer.body, answer.headers))


def _words(status: int) -> str:
    return f"the server responded with HTTP {status}"
