"""What a provider is to the ingester: feeds whose pages hold articles and revocations.

Whoever polls, paces, sets aside and tries again knows no provider by name.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
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
    """The key or the call is refused: the same call would be refused again, so the feed stops and a person looks."""


class PausedByProvider(Transient):
    """The provider has asked that the key is not called for so long: nobody called, and nobody waits here."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(
            f"the provider asked for a rest, the key is not called for another {wait_s:.0f} s", wait_s
        )


@dataclass(frozen=True, slots=True)
class Bad:
    """One entry of a page that cannot be used; its neighbours can.

    Attributes:
        index: its place on the page, from 0.
        provider_id: its id, where it could be read and is one.
        sequence: its place in the feed, where it could be read.
        code: snake_case, from a small set; the reason in quarantine.
        detail: which field and which rule; never a value.
        raw: the entry as it came. Content.
        revocation: it may be one, so a person must look.
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
    """The provider says that this id must be removed.

    Attributes:
        provider_article_id: the id within the provider.
        sequence: the entry's place in the feed: opaque text.
        revoked_at: the provider's time, where it gives one that can be read.
    """

    provider_article_id: str
    sequence: str | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a feed.

    Attributes:
        articles: those that can be used, in the provider's order.
        revoked: ids that must be removed, in the provider's order, repeats included.
        bad: entries that cannot be used.
        cursor: to go on with behind this page: opaque text; None when the page has none: then nothing moves.
        count: entries on the page. Fewer than asked for does not mean that nothing follows.
        not_understood: articles by the field that was there and could not be read, or not in whole; under `ANY_FIELD`
            those with any such field.
    """

    articles: tuple[ArticleSubmitted, ...] = ()
    revoked: tuple[Revoked, ...] = ()
    bad: tuple[Bad, ...] = ()
    cursor: str | None = None
    count: int = 0
    not_understood: Mapping[str, int] = field(default_factory=dict)


class Reader(Protocol):
    """A feed at its provider for one pass, with pace, retries and breaker behind it.

    Every method may raise `Refused`, or a `Transient`: neither says anything of what the feed holds.
    """

    async def page(self, cursor: str | None, limit: int) -> Page:
        """What follows the cursor; from the oldest entry where there is none."""
        ...

    async def oldest(self) -> OldestEntry | None:
        """The oldest entry that the provider still holds; None: it holds nothing."""
        ...

    async def newest(self) -> str | None:
        """The cursor of the newest entry; None: there is none."""
        ...

    async def page_limit(self) -> int | None:
        """Entries that a page may have by the rights of the key; None: they do not say."""
        ...


class Source(Protocol):
    """A feed at its provider."""

    @property
    def origin(self) -> Origin:
        """What the feed's cursors belong to."""
        ...

    @property
    def limit(self) -> int:
        """Entries that a page is asked for."""
        ...

    @property
    def window(self) -> timedelta | None:
        """How far back the feed reaches, where what has left it can be known by the oldest entry that is held."""
        ...

    def connect(self, poll_id: UUID) -> Reader:
        """For one pass, whose id is recorded with each call."""
        ...

    def end(self, page: Page, sizes: PageSizes, cursor: str | None) -> End:
        """What follows the page that was asked for with this cursor, after pages of these sizes."""
        ...

    def place(self, cursor: str) -> int | None:
        """Where a cursor stands among the others; None: they have no order that is known.

        Raises:
            ValueError: it can be none of this feed's; says why.
        """
        ...

    def read_entry(self, entry: bytes, received_at: datetime) -> Page:
        """An entry that was set aside, read once more."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A configured feed, and who answers for it."""

    settings: FeedSettings
    source: Source

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name


class Pace(Protocol):
    """When the key may be called, which all processes that use it share."""

    async def take(self) -> None:
        """Waits until the key may be called, and takes that turn.

        Raises:
            PausedByProvider: the provider has asked for a longer rest than anybody waits for here.
        """
        ...

    async def end(self, retry_after_s: float | None) -> None:
        """The call of that turn has ended; the key is not called for the pause, nor for what the provider asked for."""
        ...


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call to the provider, as it is kept. Never the key, never content.

    Attributes:
        endpoint: what was called.
        started_at: when the request was sent; the wait for the pause is not in it.
        duration_ms: until the answer was read and understood.
        http_status: None when no answer came.
        code: the provider's message code, where it gave one.
        body_bytes: of the answer, decompressed; 0 when it was not read to its end.
        items: entries on the page; None when it was no page.
        cursor: that was sent.
        outcome: how it ended: ok, or why not: snake_case, from a small set.
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
"""Keeps a call; it is awaited before the call's result is given out."""


class CircuitBreaker(Protocol):
    """Stands around each call; `clawback_common.breaker.Breaker` is one."""

    def wait_s(self) -> float:
        """Seconds until a call may pass; 0 when one may pass now."""
        ...

    def calling(self) -> AbstractContextManager[None]:
        """Raises a `Transient` instead of letting the call pass while it is open."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider is given by the service around it."""

    settings: Settings
    clock: Clock
    http: httpx.AsyncClient
    pace: Callable[[FeedSettings, timedelta], Pace]
    """Of the feed's key, given the pause that its provider asks for between two calls."""
    record: Callable[[FeedSettings, UUID], RecordCall]
    """Of one pass."""


Sources = Callable[[FeedSettings, ProviderContext], Iterable[Feed]]
"""What each provider's package has under the name ``feeds``: the feeds of one entry of FEEDS, for a provider may share
one among several clients. Raises `Stop` for an entry that it cannot use, in words."""
