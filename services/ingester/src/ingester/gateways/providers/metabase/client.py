"""The client for Metabase's API. The key is in the query string, which is never logged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final, Literal, TypeVar

import httpx
from typing_extensions import override

from clawback_common.clock import Clock
from clawback_common.errors import Poison
from clawback_common.retry import Sleep
from ingester.gateways.providers.answers import Unreachable, Unreadable, UnreadableAnswer
from ingester.gateways.providers.calls import Answer, Caller, Limits, Request
from ingester.gateways.providers.metabase.codes import (
    INVALID_CURSOR,
    UNKNOWN_PARAMETER,
    MustWait,
    ProviderDown,
    ProviderFailure,
    Refused,
    failure,
)
from ingester.gateways.providers.metabase.values import Page, RateLimit, RevokedPage, Slice
from ingester.gateways.providers.metabase.wire import parse_articles, parse_rate_limits, parse_revoked
from ingester.gateways.providers.port import CircuitBreaker, Pace, RecordCall
from ingester.gateways.providers.scalars import int64

T = TypeVar("T")
Params = dict[str, str]

ARTICLES_LIMIT_MAX: Final = 500
REVOKED_LIMIT_MAX: Final = 10_000
QUERY_CHARS_MAX: Final = 10_000
OLDEST: Final = "0"
"""The cursor of a feed's first call. There is none for "newest", because that would skip all entries in between."""

_RETRYABLE: Final = (MustWait, ProviderDown, UnreadableAnswer, Unreachable)
"""Without the breaker's error: while it is open the feed pauses instead of using up its retries."""

CursorName = Literal["sequence_id", "sequenceId"]


class Endpoint(StrEnum):
    """The endpoints of the API."""

    ARTICLES = "articles"
    SEARCH = "searchArticles"
    REVOKED = "revokedArticles"
    RATE_LIMITS = "rateLimits"


@dataclass(frozen=True, slots=True)
class ClientOptions(Limits):
    """Options of the client.

    Attributes:
        format: The requested format; responses in either format are read.
    """

    format: Literal["xml", "json"] = "xml"


@dataclass(slots=True)
class RevokedCursor:
    """The name of the revocations' cursor parameter, as far as it is known.

    Attributes:
        name: The name to try first. The provider's documents disagree, so the client changes it when it is refused.
    """

    name: CursorName = "sequence_id"


class MetabaseClient:
    """A client with one key of Metabase.

    After its retries, every method may raise ``Refused`` (stop and page, or our bug), ``MustWait``, ``ProviderDown``,
    ``UnreadableAnswer``, ``Unreachable``, or the breaker's error while it is open. None of them permits a conclusion
    about the feed: the cursor stays unchanged.

    Args:
        base_url: Scheme and host; a path before ``/api`` is kept.
        key: Never logged.
        http: Shared connections; the creator closes them.
        pace: Every attempt waits for its turn, so that a retry never falls within the pause.
        breaker: Guards every attempt.
        record_call: Awaited after every attempt.
        clock: For records and Retry-After.
        sleep: Waits between attempts.
        options: Options of the client.
        revoked_cursor: Shared by several clients of one key.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        http: httpx.AsyncClient,
        *,
        pace: Pace,
        breaker: CircuitBreaker,
        record_call: RecordCall,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        options: ClientOptions | None = None,
        revoked_cursor: RevokedCursor | None = None,
    ) -> None:
        if not httpx.URL(base_url).host:
            raise ValueError("the provider's address needs a scheme and a host")
        self._base_url, self._key = base_url.rstrip("/"), key
        self._clock = clock
        self._options = options or ClientOptions()
        self._revoked_cursor = revoked_cursor or RevokedCursor()
        self._calls = Caller(
            http, pace, breaker, record_call, clock, _RETRYABLE, limits=self._options, sleep=sleep
        )

    @override
    def __repr__(self) -> str:
        return f"MetabaseClient({self._base_url!r})"

    @property
    def revoked_cursor_name(self) -> CursorName:
        """Returns the parameter name that the provider accepted last."""
        return self._revoked_cursor.name

    async def articles(
        self, cursor: str = OLDEST, limit: int = ARTICLES_LIMIT_MAX, part: Slice | None = None
    ) -> Page:
        """Returns the articles after the cursor, in the order of the feed.

        Args:
            cursor: The previous page's ``last_sequence``, or ``OLDEST``.
            limit: 1 to 500; the provider may return fewer.
            part: One slice of the feed, which has its own cursor.
        """
        _check_limit(limit, ARTICLES_LIMIT_MAX)
        if int64(cursor) is None:
            raise ValueError("the cursor of articles must be a number")
        params = {"sequence_id": cursor, "limit": str(limit)}
        if part is not None:
            params |= self._sliced(part)

        def read(body: bytes, content_type: str | None) -> Page:
            page = parse_articles(body, content_type, received_at=self._clock.now())
            _check_moves(page, cursor, limit)
            return page

        return await self._get(Endpoint.ARTICLES, params, read)

    async def newest(self, part: Slice | None = None) -> Page:
        """Returns only the newest article, or none: the response to a call without a cursor. Polls never use this."""
        params = {"limit": "1"}
        if part is not None:
            params |= self._sliced(part)

        def read(body: bytes, content_type: str | None) -> Page:
            return parse_articles(body, content_type, received_at=self._clock.now())

        return await self._get(Endpoint.ARTICLES, params, read)

    async def search(
        self,
        query: str,
        *,
        cursor: str | None = None,
        limit: int = 200,
        sort: Literal["asc", "desc"] | None = None,
        recent: bool = False,
    ) -> Page:
        """Returns articles that match a query.

        Args:
            query: In Lucene-like syntax, at most 10,000 characters.
            cursor: The previous page's ``last_sequence``; None for the first page.
            limit: The maximum depends on the key, 200 to 500.
            sort: By sequence; the provider's default is desc.
            recent: Only the last three days.
        """
        _check_limit(limit, ARTICLES_LIMIT_MAX)
        if not 0 < len(query) <= QUERY_CHARS_MAX:
            raise ValueError(f"a query must have 1 to {QUERY_CHARS_MAX} characters")
        chosen = {"sequence_id": cursor, "sort": sort, "recent": "true" if recent else None}
        params = {"query": query, "limit": str(limit)} | {
            name: value for name, value in chosen.items() if value is not None
        }
        return await self._get(
            Endpoint.SEARCH,
            params,
            lambda body, content_type: parse_articles(body, content_type, received_at=self._clock.now()),
        )

    async def revoked(self, cursor: str = OLDEST, limit: int = REVOKED_LIMIT_MAX) -> RevokedPage:
        """Returns the ids to remove, after the cursor.

        The name of the cursor parameter is not documented. If the error may concern the name, the other name is tried
        once; the accepted name is kept.

        Args:
            cursor: The previous page's ``next_cursor``, unchanged, or ``OLDEST``.
            limit: 1 to 10,000; the provider may return fewer.
        """
        _check_limit(limit, REVOKED_LIMIT_MAX)
        tried = self._revoked_cursor.name
        try:
            return await self._revoked(tried, cursor, limit)
        except Refused as refused:
            if refused.code not in {UNKNOWN_PARAMETER, INVALID_CURSOR}:
                raise
            first = refused
        other: CursorName = "sequenceId" if tried == "sequence_id" else "sequence_id"
        try:
            page = await self._revoked(other, cursor, limit)
        except Refused:
            raise first from None
        self._revoked_cursor.name = other
        return page

    async def rate_limits(self) -> tuple[RateLimit, ...]:
        """Returns the key's quotas of searches and their use."""
        return await self._get(Endpoint.RATE_LIMITS, {}, parse_rate_limits)

    async def _revoked(self, name: CursorName, cursor: str, limit: int) -> RevokedPage:
        def read(body: bytes, content_type: str | None) -> RevokedPage:
            page = parse_revoked(body, content_type)
            if page.count >= limit and page.next_cursor in {None, cursor}:
                raise UnreadableAnswer(Unreadable.CURSOR_STUCK)
            return page

        return await self._get(Endpoint.REVOKED, {name: cursor, "limit": str(limit)}, read)

    def _sliced(self, part: Slice) -> Params:
        return {"number_of_slices": str(part.of), "slice_number": str(part.number)}

    # Calls

    async def _get(self, endpoint: Endpoint, params: Params, read: Callable[[bytes, str | None], T]) -> T:
        """Returns the parsed response; retries according to the policy."""
        request = Request(
            endpoint,
            f"{self._base_url}/api/v10/{endpoint}",
            {"key": self._key, **params, "format": self._options.format},
            cursor=params.get("sequence_id", params.get("sequenceId")),
        )
        return await self._calls.get(request, lambda answer: _interpret(answer, read), _items)


def _items(value: object) -> int | None:
    return value.count if isinstance(value, Page | RevokedPage) else None


def _interpret(answer: Answer, read: Callable[[bytes, str | None], T]) -> T:
    """Interprets a response: the envelope's status first, then the HTTP status."""
    status = answer.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        try:
            return read(answer.body, answer.content_type)
        except ProviderFailure as error:
            raise failure(error.code, status, answer.retry_after_s) from None
    if status < HTTPStatus.BAD_REQUEST:
        raise UnreadableAnswer(Unreadable.REDIRECT)
    raise failure(_code_of(answer.body, answer.content_type), status, answer.retry_after_s)


def _code_of(body: bytes, content_type: str | None) -> int | None:
    """Returns the code in the body of an error, if there is one."""
    try:
        parse_revoked(body, content_type)
    except ProviderFailure as error:
        return error.code
    except (UnreadableAnswer, Poison):
        pass
    return None


def _check_limit(limit: int, limit_max: int) -> None:
    if not 1 <= limit <= limit_max:
        raise ValueError(f"a limit must be between 1 and {limit_max}")


def _check_moves(page: Page, cursor: str, limit: int) -> None:
    """Refuses a page whose cursor does not advance: the same page would be requested forever."""
    last = page.last_sequence
    stuck = page.count >= limit if last is None else int(last) <= int(cursor)
    if stuck:
        raise UnreadableAnswer(Unreadable.CURSOR_STUCK)
