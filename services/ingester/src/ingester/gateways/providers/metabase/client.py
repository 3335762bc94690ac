"""What Metabase is asked, and what its answers mean. The key travels in the query string, which nobody is shown."""

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
"""The cursor of a feed's first call. There is none for "newest": that would skip all that came between."""

_RETRYABLE: Final = (MustWait, ProviderDown, UnreadableAnswer, Unreachable)
"""Not the breaker's refusal: while it is open the feed pauses instead of burning retries."""

CursorName = Literal["sequence_id", "sequenceId"]


class Endpoint(StrEnum):
    """What is called."""

    ARTICLES = "articles"
    SEARCH = "searchArticles"
    REVOKED = "revokedArticles"
    RATE_LIMITS = "rateLimits"


@dataclass(frozen=True, slots=True)
class ClientOptions(Limits):
    """What someone may tune.

    Attributes:
        format: that is asked for; what comes is read in either.
    """

    format: Literal["xml", "json"] = "xml"


@dataclass(slots=True)
class RevokedCursor:
    """What the parameter of the revocations' cursor is called, as far as the provider has shown.

    Attributes:
        name: tried first; the provider's documents do not agree, so the client changes it when it is refused.
    """

    name: CursorName = "sequence_id"


class MetabaseClient:
    """One key of Metabase.

    Every method may raise, after the retries: ``Refused`` (stop and page, or our bug), ``MustWait``,
    ``ProviderDown``, ``UnreadableAnswer``, ``Unreachable``, or what the breaker raises while it is open. None of
    them says anything about the feed: the cursor stays where it is.

    Args:
        base_url: scheme and host; a path before ``/api`` is kept.
        key: never shown.
        http: shared connections; closed by who made it.
        pace: a turn of it for every attempt, so that a retry never falls inside the pause.
        breaker: around every attempt.
        record_call: awaited after every attempt.
        clock: for records and Retry-After.
        sleep: between attempts.
        options: what someone may tune.
        revoked_cursor: remembers over several clients of one key.
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
        """The parameter's name that the provider took last."""
        return self._revoked_cursor.name

    async def articles(
        self, cursor: str = OLDEST, limit: int = ARTICLES_LIMIT_MAX, part: Slice | None = None
    ) -> Page:
        """The articles after the cursor, in the order of the feed.

        Args:
            cursor: the last page's ``last_sequence``, or ``OLDEST``.
            limit: 1 to 500; the provider may give fewer.
            part: one slice of the feed, with a cursor of its own.
        """
        _check_limit(limit, ARTICLES_LIMIT_MAX)
        if int64(cursor) is None:
            raise ValueError("the cursor of articles is a number")
        params = {"sequence_id": cursor, "limit": str(limit)}
        if part is not None:
            params |= self._sliced(part)

        def read(body: bytes, content_type: str | None) -> Page:
            page = parse_articles(body, content_type, received_at=self._clock.now())
            _check_moves(page, cursor, limit)
            return page

        return await self._get(Endpoint.ARTICLES, params, read)

    async def newest(self, part: Slice | None = None) -> Page:
        """The newest article alone, or none: what a call without a cursor gives. A feed is never read like that."""
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
        """Articles that match a query.

        Args:
            query: Lucene-like, at most 10,000 characters.
            cursor: the last page's ``last_sequence``; None for the first page.
            limit: the maximum depends on the key, 200 to 500.
            sort: by sequence; the provider's default is desc.
            recent: only the last three days.
        """
        _check_limit(limit, ARTICLES_LIMIT_MAX)
        if not 0 < len(query) <= QUERY_CHARS_MAX:
            raise ValueError(f"a query has 1 to {QUERY_CHARS_MAX} characters")
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
        """The ids that must be removed, after the cursor.

        What the cursor's parameter is called is not known. A refusal that may mean the name is answered by one
        try with the other; the name that worked is kept.

        Args:
            cursor: the last page's ``next_cursor``, as it came, or ``OLDEST``.
            limit: 1 to 10,000; the provider may give fewer.
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
        """The key's quotas of searches, and how much of them is used."""
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

    # One call

    async def _get(self, endpoint: Endpoint, params: Params, read: Callable[[bytes, str | None], T]) -> T:
        """The answer, read; tried again as the policy says."""
        request = Request(
            endpoint,
            f"{self._base_url}/api/v10/{endpoint}",
            {"key": self._key, **params, "format": self._options.format},
            cursor=params.get("sequence_id", params.get("sequenceId")),
        )
        return await self._calls.get(request, lambda answer: _understood(answer, read), _items)


def _items(value: object) -> int | None:
    return value.count if isinstance(value, Page | RevokedPage) else None


def _understood(answer: Answer, read: Callable[[bytes, str | None], T]) -> T:
    """What the answer says: the envelope's word first, then the HTTP status."""
    status = answer.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        try:
            return read(answer.body, answer.content_type)
        except ProviderFailure as said:
            raise failure(said.code, status, answer.retry_after_s) from None
    if status < HTTPStatus.BAD_REQUEST:
        raise UnreadableAnswer(Unreadable.REDIRECT)
    raise failure(_code_of(answer.body, answer.content_type), status, answer.retry_after_s)


def _code_of(body: bytes, content_type: str | None) -> int | None:
    """The code in a failure's body, where there is one."""
    try:
        parse_revoked(body, content_type)
    except ProviderFailure as said:
        return said.code
    except (UnreadableAnswer, Poison):
        pass
    return None


def _check_limit(limit: int, limit_max: int) -> None:
    if not 1 <= limit <= limit_max:
        raise ValueError(f"a limit lies between 1 and {limit_max}")


def _check_moves(page: Page, cursor: str, limit: int) -> None:
    """A page from which the feed cannot go on would be asked for again and again."""
    last = page.last_sequence
    stuck = page.count >= limit if last is None else int(last) <= int(cursor)
    if stuck:
        raise UnreadableAnswer(Unreadable.CURSOR_STUCK)
