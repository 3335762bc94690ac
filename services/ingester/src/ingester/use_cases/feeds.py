"""The configured feeds, each with its provider behind pace, retries and breaker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import httpx

from clawback_common.breaker import Breaker
from clawback_common.errors import Stop
from ingester.domain.feed import Origin
from ingester.gateways.providers.metabase.client import (
    ARTICLES_LIMIT_MAX,
    OLDEST,
    REVOKED_LIMIT_MAX,
    ClientOptions,
    MetabaseClient,
    RevokedCursor,
)
from ingester.gateways.providers.metabase.codes import LIVING, Resting
from ingester.gateways.providers.ports import ApiCall
from ingester.gateways.providers.values import Page, RateLimit, RevokedPage, Slice
from ingester.settings import FeedSettings, Settings
from ingester.storage import feeds
from ingester.use_cases import Service
from ingester.use_cases.polling import Feed, Provider

WAIT_S_MIN = 0.001
LOOK_S_MAX = 1.0
"""A turn that is waited for may come sooner: the call before it ends."""
REST_S_MAX = 60.0
"""A rest that the provider has asked for is waited for so long, else the pass fails and is made again later."""
RETRY_AFTER_S_MAX = 86_400.0
"""No answer stops a key for longer than a day."""


@dataclass(frozen=True, slots=True)
class SlicedFeed:
    """One slice of the articles feed, read like a feed of its own."""

    client: MetabaseClient
    part: Slice

    async def articles(self, cursor: str = OLDEST, limit: int = ARTICLES_LIMIT_MAX) -> Page:
        """Articles of this slice after the cursor."""
        return await self.client.articles(cursor, limit, self.part)

    async def newest(self) -> Page:
        """The newest article of this slice."""
        return await self.client.newest(self.part)

    async def revoked(self, cursor: str = OLDEST, limit: int = REVOKED_LIMIT_MAX) -> RevokedPage:
        """Revocations are not sliced."""
        return await self.client.revoked(cursor, limit)

    async def rate_limits(self) -> tuple[RateLimit, ...]:
        """Of the key, whatever the slice."""
        return await self.client.rate_limits()


def configured_feeds(service: Service, http: httpx.AsyncClient) -> dict[str, Feed]:
    """Every feed of the settings by name; with slices, a feed of articles is one feed a slice.

    Raises:
        Stop: a feed names a provider that nobody here can read.
    """
    origin = _origin(service.settings)
    configured = [
        Feed(settings, _connector(settings, part, service, http), origin)
        for listed in service.settings.feed_list
        for settings, part in _slices(listed, service.settings)
    ]
    return {feed.name: feed for feed in configured}


def _origin(settings: Settings) -> Origin:
    """The provider's address without what is secret in it, and a mark of the key."""
    endpoint = httpx.URL(str(settings.metabase_url)).copy_with(username=None, password=None, query=None)
    key = settings.metabase_api_key.get_secret_value().encode()
    return Origin(str(endpoint), blake2b(key, digest_size=6, person=b"feed-origin").hexdigest())


def _slices(listed: FeedSettings, settings: Settings) -> list[tuple[FeedSettings, Slice | None]]:
    """Each slice has the number of the wire in its name, so that another base gives no slice another one's cursor."""
    slices, first = settings.metabase_slices, settings.metabase_slice_base
    if slices == 1 or listed.kind == "revoked":
        return [(listed, None)]
    return [
        (listed.model_copy(update={"name": f"{listed.name}-{number}of{slices}"}), Slice(number, slices))
        for number in range(first, first + slices)
    ]


def _connector(
    settings: FeedSettings, part: Slice | None, service: Service, http: httpx.AsyncClient
) -> Callable[[UUID], Provider]:
    if settings.provider != "metabase":
        raise Stop(
            f"feed {settings.name}: no reader for the provider {settings.provider}; there is one for metabase"
        )
    breaker = Breaker(settings.name, service.clock, fine=LIVING)
    revoked_cursor = RevokedCursor()

    def connect(poll_id: UUID) -> Provider:
        async def record(call: ApiCall) -> None:
            await feeds.record_call(service.db, _recorded(settings.name, call, poll_id))

        client = MetabaseClient(
            str(service.settings.metabase_url),
            service.settings.metabase_api_key.get_secret_value(),
            http,
            pace=KeyPace(settings, service),
            breaker=breaker,
            record_call=record,
            clock=service.clock,
            options=ClientOptions(format=service.settings.metabase_format),
            revoked_cursor=revoked_cursor,
        )
        return client if part is None else SlicedFeed(client, part)

    return connect


class KeyPace:
    """The pace of a feed's key, in the database: all processes share it, and revocations go first."""

    def __init__(self, settings: FeedSettings, service: Service) -> None:
        self._db, self._key, self._urgent = service.db, settings.key, settings.kind == "revoked"
        self._pause = service.settings.pause
        self._turn: datetime | None = None

    async def take(self) -> None:
        """Waits for a turn.

        Raises:
            Resting: the provider has asked for a longer rest than `REST_S_MAX`.
        """
        while True:
            turn = await feeds.take_turn(self._db, self._key, self._pause, urgent=self._urgent)
            if isinstance(turn, datetime):
                self._turn = turn
                return
            wait_s = turn.total_seconds()
            if wait_s > max(REST_S_MAX, 2 * self._pause.total_seconds()):
                raise Resting(wait_s)
            await asyncio.sleep(min(max(wait_s, WAIT_S_MIN), LOOK_S_MAX))

    async def end(self, retry_after_s: float | None) -> None:
        """Ends the turn; the key rests for the pause, and as long as the provider has asked for."""
        turn, self._turn = self._turn, None
        rest = timedelta(seconds=min(retry_after_s or 0.0, RETRY_AFTER_S_MAX))
        await feeds.end_turn(self._db, self._key, self._pause, turn, rest)


def _recorded(feed: str, call: ApiCall, poll_id: UUID) -> feeds.Call:
    return feeds.Call(
        feed,
        call.endpoint,
        call.started_at,
        call.duration_ms,
        call.http_status,
        call.code,
        call.body_bytes,
        call.items,
        call.cursor,
        call.reason or call.outcome,
        poll_id,
    )
