"""Metabase's feeds, as implementations of `Source` and `Reader`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import httpx

from clawback_common.breaker import Breaker
from clawback_common.errors import Stop
from ingester.domain.feed import Origin, name_of_slice
from ingester.domain.gap import OldestEntry
from ingester.domain.pages import End, PageSizes, end_of_articles, end_of_revocations
from ingester.gateways.providers.metabase import values
from ingester.gateways.providers.metabase.client import OLDEST, ClientOptions, MetabaseClient, RevokedCursor
from ingester.gateways.providers.metabase.codes import NOT_OUTAGES
from ingester.gateways.providers.metabase.values import Slice
from ingester.gateways.providers.metabase.wire import parse_articles, parse_revoked
from ingester.gateways.providers.port import Feed, Page, ProviderContext
from ingester.gateways.providers.quiet_httpx import without_secrets
from ingester.gateways.providers.scalars import int64
from ingester.settings import FeedSettings, Settings

ARTICLES_LIMIT, REVOKED_LIMIT = 500, 10_000
"""The provider's maximum; it may return fewer."""
Connect = Callable[[UUID], MetabaseClient]


def feeds(listed: FeedSettings, context: ProviderContext) -> Iterator[Feed]:
    """Returns the feed of an entry; a feed of articles with slices becomes one feed per slice.

    Raises:
        Stop: The entry has options that Metabase does not support.
    """
    if listed.options:
        raise Stop(f"feed {listed.name}: metabase does not support {', '.join(sorted(listed.options))}")
    origin = _origin(context.settings)
    if listed.kind == "revoked":
        yield Feed(listed, RevokedSource(listed, context.settings, origin, _connector(listed, context)))
        return
    for settings, part in _slices(listed, context.settings):
        connect = _connector(settings, context)
        yield Feed(settings, ArticlesSource(settings, context.settings, origin, connect, part))


def _origin(settings: Settings) -> Origin:
    """Returns the provider's address without secrets, and a fingerprint of the key."""
    endpoint = without_secrets(httpx.URL(str(settings.metabase_url)))
    key = settings.metabase_api_key.get_secret_value().encode()
    return Origin(endpoint, blake2b(key, digest_size=6, person=b"feed-origin").hexdigest())


def _slices(listed: FeedSettings, settings: Settings) -> list[tuple[FeedSettings, Slice | None]]:
    """Returns the slices; a name contains the slice number sent to the provider, so no base reuses another's cursor."""
    slices, first = settings.metabase_slices, settings.metabase_slice_base
    if slices == 1:
        return [(listed, None)]
    return [
        (
            listed.model_copy(update={"name": name_of_slice(listed.name, number, slices)}),
            Slice(number, slices),
        )
        for number in range(first, first + slices)
    ]


def _connector(feed: FeedSettings, context: ProviderContext) -> Connect:
    breaker = Breaker(feed.name, context.clock, not_failures=NOT_OUTAGES)
    revoked_cursor = RevokedCursor()

    def connect(poll_id: UUID) -> MetabaseClient:
        return MetabaseClient(
            str(context.settings.metabase_url),
            context.settings.metabase_api_key.get_secret_value(),
            context.http,
            pace=context.pace(feed, context.settings.pause),
            breaker=breaker,
            record_call=context.record(feed, poll_id),
            clock=context.clock,
            options=ClientOptions(format=context.settings.metabase_format),
            revoked_cursor=revoked_cursor,
        )

    return connect


@dataclass(frozen=True, slots=True)
class MetabaseSource:
    """The common part of both feeds."""

    feed: FeedSettings
    settings: Settings
    origin: Origin
    client: Connect


@dataclass(frozen=True, slots=True)
class ArticlesSource(MetabaseSource):
    """The feed of articles, or one slice of it, which is polled like a separate feed."""

    part: Slice | None = None

    @property
    def limit(self) -> int:
        """See `Source`."""
        return min(self.feed.limit or ARTICLES_LIMIT, self.settings.metabase_limit)

    @property
    def window(self) -> timedelta:
        """See `Source`."""
        return self.settings.window

    def connect(self, poll_id: UUID) -> "ArticlesReader":
        """See `Source`."""
        return ArticlesReader(self.client(poll_id), self.part)

    def end(self, page: Page, sizes: PageSizes, cursor: str | None) -> End:
        """See `Source`."""
        return end_of_articles(sizes, page.count, leads_on=page.cursor not in {None, cursor})

    def place(self, cursor: str) -> int | None:
        """See `Source`."""
        place = int64(cursor)
        if place is None:
            raise ValueError(
                "the cursor of a feed of articles must be a number, the sequenceId of an article"
            )
        return place

    def read_entry(self, entry: bytes, received_at: datetime) -> Page:
        """See `Source`."""
        return _of_articles(parse_articles(_page_of(entry, "articles"), None, received_at=received_at))


@dataclass(frozen=True, slots=True)
class RevokedSource(MetabaseSource):
    """The feed of revocations, which has no slices."""

    @property
    def limit(self) -> int:
        """See `Source`."""
        return self.feed.limit or REVOKED_LIMIT

    @property
    def window(self) -> None:
        """See `Source`. The window is not known."""
        return None

    def connect(self, poll_id: UUID) -> "RevokedReader":
        """See `Source`."""
        return RevokedReader(self.client(poll_id))

    def end(self, page: Page, sizes: PageSizes, cursor: str | None) -> End:
        """See `Source`."""
        return end_of_revocations(
            sizes, page.count, cursor=cursor, next_cursor=page.cursor, unpaged=self.feed.unpaged
        )

    def place(self, cursor: str) -> int | None:
        """See `Source`. Cursors of revocations have no known order: any change may skip entries."""
        del cursor
        return None

    def read_entry(self, entry: bytes, received_at: datetime) -> Page:
        """See `Source`."""
        del received_at
        return _of_revoked(parse_revoked(_page_of(entry, "revokedArticles"), None))


@dataclass(frozen=True, slots=True)
class ArticlesReader:
    """One poll of the feed of articles."""

    client: MetabaseClient
    part: Slice | None

    async def page(self, cursor: str | None, limit: int) -> Page:
        """See `Reader`."""
        return _of_articles(await self.client.articles(cursor or OLDEST, limit, self.part))

    async def oldest(self) -> OldestEntry | None:
        """See `Reader`."""
        page = await self.client.articles(OLDEST, 1, self.part)
        if not page.count:
            return None
        at = next((one.harvested_at for one in page.articles), None)
        return OldestEntry(int(page.last_sequence) if page.last_sequence else None, at)

    async def newest(self) -> str | None:
        """See `Reader`."""
        return (await self.client.newest(self.part)).last_sequence

    async def page_limit(self) -> int | None:
        """See `Reader`."""
        return values.page_limit(await self.client.rate_limits())


@dataclass(frozen=True, slots=True)
class RevokedReader:
    """One poll of the feed of revocations."""

    client: MetabaseClient

    async def page(self, cursor: str | None, limit: int) -> Page:
        """See `Reader`."""
        return _of_revoked(await self.client.revoked(cursor or OLDEST, limit))

    async def oldest(self) -> OldestEntry | None:
        """See `Reader`. The result would not be used, so no call is made."""
        return None

    async def newest(self) -> str | None:
        """See `Reader`. Revocations are never skipped."""
        return None

    async def page_limit(self) -> int | None:
        """See `Reader`."""
        return values.page_limit(await self.client.rate_limits())


def _of_articles(page: values.Page) -> Page:
    return Page(
        articles=page.articles,
        bad=page.bad,
        cursor=page.last_sequence,
        count=page.count,
        not_understood=page.not_understood,
    )


def _of_revoked(page: values.RevokedPage) -> Page:
    return Page(revoked=page.ids, bad=page.bad, cursor=page.next_cursor, count=page.count)


def _page_of(entry: bytes, name: str) -> bytes:
    """Returns the entry as the only one of a page's list, in its original format."""
    listed = name.encode()
    if entry.lstrip().startswith(b"<"):
        body = b"<" + listed + b">" + entry + b"</" + listed + b">"
        return b"<response><status>SUCCESS</status>" + body + b"</response>"
    return b'{"status":"SUCCESS","' + listed + b'":[' + entry + b"]}"
