"""The interface between the ingester and providers: feeds with pages of articles and revocations.

Polling, rate limiting, quarantine and retries know no provider by name.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

import httpx

from clawback_common.clock import Clock
from clawback_common.errors import ClawbackError, Transient
from clawback_contracts.article.v1 import ArticleSubmitted
from ingester.domain.feed import Origin
from ingester.domain.gap import OldestEntry
from ingester.domain.pages import End, PageSizes
from ingester.settings import FeedSettings, Settings


class Refused(ClawbackError):
    """The key or the call is refused: the same call would be refused again, so the feed stops and a person must act."""


class PausedByProvider(Transient):
    """The provider requested a pause that is too long to wait for; no call was made."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            f"the provider requested a pause; the key is not used for another {wait_s:.0f} s", wait_s
        )


@dataclass(frozen=True, slots=True)
class Bad:
    """One unusable entry of a page; other entries are not affected.

    Attributes:
        index: Its index on the page, from 0.
        provider_id: Its id, if readable and valid.
        sequence: Its sequence in the feed, if readable.
        code: The reason in quarantine: snake_case, from a small set.
        detail: The field and the rule; never a value.
        raw: The original entry. Content.
        revocation: It may be a revocation, so a person must check it.
    """

    index: int
    provider_id: str | None
    sequence: str | None
    code: str
    detail: str
    raw: bytes
    revocation: bool = False


@dataclass(frozen=True, slots=True)
class Revoked:
    """An id that the provider revoked.

    Attributes:
        provider_article_id: The id within the provider.
        sequence: The entry's sequence in the feed: opaque text.
        revoked_at: The provider's time, if readable.
    """

    provider_article_id: str
    sequence: str | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed.

    Attributes:
        articles: The usable articles, in the provider's order.
        revoked: The revoked ids, in the provider's order, including repeats.
        bad: The unusable entries.
        cursor: The cursor after this page: opaque text; None: the page has none, and the cursor stays.
        count: The entries on the page. Fewer than requested does not mean that nothing follows.
        not_understood: The number of articles by field that could not be read completely; under `ANY_FIELD` those with
            any such field.
    """

    articles: tuple[ArticleSubmitted, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    bad: tuple[Bad, ...] = ()
    cursor: str | None = None
    count: int = 0
    not_understood: Mapping[str, int] = field(default_factory=dict)


class Reader(Protocol):
    """Access to a feed for one poll, with rate limiting, retries and a circuit breaker.

    Every method may raise `Refused` or a `Transient`; neither permits a conclusion about the feed's content.
    """

    async def page(self, cursor: str | None, limit: int) -> Page:
        """Returns the page after the cursor; without a cursor the page with the oldest entry."""
        ...

    async def oldest(self) -> OldestEntry | None:
        """Returns the oldest entry that the provider still has; None: it has none."""
        ...

    async def newest(self) -> str | None:
        """Returns the cursor of the newest entry; None: there is none."""
        ...

    async def page_limit(self) -> int | None:
        """Returns the maximum entries of a page by the rights of the key; None: not stated."""
        ...


class Source(Protocol):
    """A feed of a provider."""

    @property
    def origin(self) -> Origin:
        """Returns the owner of the feed's cursors."""
        ...

    @property
    def limit(self) -> int:
        """Returns the number of entries to request per page."""
        ...

    @property
    def window(self) -> timedelta | None:
        """Returns how far back the feed reaches, if the oldest available entry shows what has left it."""
        ...

    def connect(self, poll_id: UUID) -> Reader:
        """Returns a reader for one poll, whose id is recorded with each call."""
        ...

    def end(self, page: Page, sizes: PageSizes, cursor: str | None) -> End:
        """Returns what follows the page requested with this cursor, after pages of these sizes."""
        ...

    def place(self, cursor: str) -> int | None:
        """Returns the position of a cursor among others; None: they have no known order.

        Raises:
            ValueError: It cannot be a cursor of this feed; the message says why.
        """
        ...

    def read_entry(self, entry: bytes, received_at: datetime) -> Page:
        """Parses an entry from quarantine again."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A configured feed and its source."""

    settings: FeedSettings
    source: Source

    @property
    def name(self) -> str:
        """Returns its name."""
        return self.settings.name


class Pace(Protocol):
    """The rate limit of a key, shared by all processes that use it."""

    async def take(self) -> None:
        """Waits until the key may be used, and takes this turn.

        Raises:
            PausedByProvider: The provider requested a pause that is too long to wait for.
        """
        ...

    async def end(self, retry_after_s: float | None) -> None:
        """Ends the turn; the key is not used during the pause, nor during a pause that the provider requested."""
        ...


class ApiCall(NamedTuple):
    """The record of one call to the provider, without the key and without content.

    Attributes:
        endpoint: The endpoint.
        started_at: When the request was sent, after the wait for the turn.
        duration_ms: Until the response was parsed.
        http_status: None if there was no response.
        code: The provider's message code, if there is one.
        body_bytes: The decompressed size of the response; 0 if it was not read to its end.
        items: The entries on the page; None if it was not a page.
        cursor: The cursor that was sent.
        outcome: ok, or the reason of the failure: snake_case, from a small set.
    """

    endpoint: str
    started_at: datetime
    duration_ms: int
    http_status: int | None
    code: int | None
    body_bytes: int
    items: int | None
    cursor: str | None
    outcome: str


RecordCall = Callable[[ApiCall], Awaitable[object]]
"""Records a call; awaited before the call's result is returned."""


class CircuitBreaker(Protocol):
    """Guards each call; implemented by `clawback_common.breaker.Breaker`."""

    def wait_s(self) -> float:
        """Returns the seconds until a call is allowed; 0: now."""
        ...

    def calling(self) -> AbstractContextManager[None]:
        """Raises a `Transient` instead of allowing the call while it is open."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """The objects that the service passes to providers."""

    settings: Settings
    clock: Clock
    http: httpx.AsyncClient
    pace: Callable[[FeedSettings, timedelta], Pace]
    """Returns the rate limit of the feed's key, given the provider's pause between two calls."""
    record: Callable[[FeedSettings, UUID], RecordCall]
    """Returns the recorder for one poll."""


Sources = Callable[[FeedSettings, ProviderContext], Iterable[Feed]]
"""The function ``feeds`` in each provider's package. It returns the feeds of one entry of FEEDS; there may be several,
because several clients can share a feed. It raises `Stop` with the reason for an unusable entry."""
