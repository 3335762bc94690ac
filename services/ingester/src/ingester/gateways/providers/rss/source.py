"""Feeds of RSS and Atom, as implementations of `Source` and `Reader`."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from lxml import etree
from pydantic import SecretStr

from clawback_common.breaker import Breaker
from clawback_common.clock import Clock
from clawback_common.errors import Poison
from clawback_contracts.article.v1 import ArticleSubmitted, Licence, Source
from ingester.domain.feed import Origin
from ingester.domain.gap import OldestEntry
from ingester.domain.pages import End, PageSizes
from ingester.domain.unparsed_fields import ANY_FIELD
from ingester.gateways.providers.answers import UnreadableAnswer
from ingester.gateways.providers.calls import Caller
from ingester.gateways.providers.port import Bad, Feed, Page, ProviderContext, Revoked
from ingester.gateways.providers.rss.client import LIMITS, NOT_OUTAGES, RETRYABLE, FeedClient, State
from ingester.gateways.providers.rss.cursor import Cursor
from ingester.gateways.providers.rss.document import entry_of
from ingester.gateways.providers.rss.entry import (
    Holder,
    article_from,
    id_of,
    is_revocation,
    revoked_from,
)
from ingester.gateways.providers.rss.options import Options
from ingester.settings import FeedSettings

PAUSE = timedelta(seconds=1)
"""The pause between two calls to one host, so that its feeds are not requested at the same time."""
LIMIT = 500
"""Entries stored per transaction, unless the feed's configuration sets it."""
Connect = Callable[[UUID], FeedClient]


def feeds(listed: FeedSettings, context: ProviderContext) -> Iterator[Feed]:
    """Returns the feed of an entry.

    Raises:
        Stop: The entry is invalid.
    """
    options = Options.of(listed, context.settings)
    authorization = options.authorization(listed.name)
    settings = listed.model_copy(update={"key": _key(listed, options)})
    holder = Holder(
        listed.name,
        Source(key=options.source_key or listed.name, name=options.source_name),
        Licence(name=options.licence),
        options.language,
    )
    connect = _connector(settings, options, authorization, context)
    yield Feed(settings, FeedSource(settings, options.origin(authorization), holder, connect, context.clock))


def _connector(
    feed: FeedSettings, options: Options, authorization: SecretStr | None, context: ProviderContext
) -> Connect:
    headers = {"Authorization": authorization.get_secret_value()} if authorization else {}
    breaker = Breaker(feed.name, context.clock, not_failures=NOT_OUTAGES)

    def connect(poll_id: UUID) -> FeedClient:
        pace, record = context.pace(feed, PAUSE), context.record(feed, poll_id)
        caller = Caller(context.http, pace, breaker, record, context.clock, RETRYABLE, LIMITS)
        return FeedClient(options.url.get_secret_value(), headers, caller)

    return connect


def _key(listed: FeedSettings, options: Options) -> str:
    """Returns the key of the rate limit: the host, or the key that the entry names; never another provider's key."""
    named = listed.key if "key" in listed.model_fields_set else options.address.host
    return f"rss:{named}"


@dataclass(frozen=True, slots=True)
class FeedSource:
    """One feed of articles, and of revocations among them."""

    feed: FeedSettings
    origin: Origin
    holder: Holder
    client: Connect
    clock: Clock

    @property
    def limit(self) -> int:
        """See `Source`."""
        return self.feed.limit or LIMIT

    @property
    def window(self) -> None:
        """See `Source`. The window is not known: a document has a number of entries of any age."""
        return None

    def connect(self, poll_id: UUID) -> "FeedReader":
        """See `Source`."""
        return FeedReader(self.client(poll_id), self.holder, self.clock)

    def end(self, page: Page, sizes: PageSizes, cursor: str | None) -> End:
        """See `Source`. The last page of the document has its cursor, earlier ones have none."""
        del sizes, cursor
        return End.MORE if page.cursor is None else End.COMPLETE

    def place(self, cursor: str) -> int | None:
        """See `Source`. States of a document have no known order."""
        if Cursor.read(cursor) is None:
            raise ValueError("the cursor of a feed of rss must be a former one: the state of its document")
        return None

    def read_entry(self, entry: bytes, received_at: datetime) -> Page:
        """See `Source`."""
        try:
            element = entry_of(entry)
        except UnreadableAnswer as error:
            return Page(bad=(Bad(0, None, None, "unreadable", error.reason, entry),), count=1)
        return page_of([element], self.holder, received_at)


@dataclass(slots=True)
class FeedReader:
    """One poll of a feed: the document is requested once, and returned in pages."""

    client: FeedClient
    holder: Holder
    clock: Clock
    _state: State | None = None
    _given: int = 0
    _received_at: datetime | None = None

    async def page(self, cursor: str | None, limit: int) -> Page:
        """See `Reader`."""
        if self._state is None:
            known = Cursor.read(cursor) if cursor else None
            state = await self.client.state(known)
            if state is None:
                return Page(cursor=cursor)
            if known is not None and known.digest == state.cursor.digest:
                return Page(cursor=state.cursor.written)
            self._state, self._received_at = state, self.clock.now()
        return self._next(self._state, limit)

    def _next(self, state: State, limit: int) -> Page:
        entries = state.document.entries[self._given : self._given + limit]
        page = page_of(entries, self.holder, self._received_at or self.clock.now())
        self._given += len(entries)
        if self._given < len(state.document.entries):
            return page
        self._state, self._given = None, 0
        return replace(page, cursor=state.cursor.written)

    async def oldest(self) -> OldestEntry | None:
        """See `Reader`. It is not known what has left the document, so there is no oldest entry."""
        return None

    async def newest(self) -> str | None:
        """See `Reader`. A changed document is read as a whole, so no entry can be skipped."""
        return None

    async def page_limit(self) -> int | None:
        """See `Reader`."""
        return None


def page_of(entries: Sequence[etree._Element], holder: Holder, received_at: datetime) -> Page:
    """Validates these entries one by one."""
    articles: list[ArticleSubmitted] = []
    revoked: list[Revoked] = []
    bad: list[Bad] = []
    not_understood: Counter[str] = Counter()
    for index, entry in enumerate(entries):
        try:
            if is_revocation(entry):
                revoked.append(revoked_from(entry, holder, received_at))
                continue
            found = article_from(entry, holder, received_at)
        except Poison as poison:
            bad.append(_bad(index, entry, holder, poison))
            continue
        articles.append(found.article)
        if found.not_understood:
            not_understood.update((ANY_FIELD, *found.not_understood))
    return Page(
        tuple(articles), tuple(revoked), tuple(bad), count=len(entries), not_understood=not_understood
    )


def _bad(index: int, entry: etree._Element, holder: Holder, poison: Poison) -> Bad:
    """Returns an unusable entry without a sequence: times are not unique, so its bytes identify it."""
    revocation = is_revocation(entry)
    known_as = None if revocation else id_of(entry, holder)
    raw = etree.tostring(entry, encoding="utf-8", with_tail=False)
    return Bad(index, known_as, None, poison.reason, poison.detail, raw, revocation)
