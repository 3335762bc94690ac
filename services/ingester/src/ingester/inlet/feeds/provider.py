"""The configured feeds, each with its provider behind pace, retries and breaker."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx

from clawback_common.breaker import Breaker
from clawback_common.errors import Stop
from ingester.flow import Service
from ingester.inlet.feeds.codes import LIVING
from ingester.inlet.feeds.metabase_client import (
    ARTICLES_LIMIT_MAX,
    OLDEST,
    REVOKED_LIMIT_MAX,
    ClientOptions,
    MetabaseClient,
    RevokedCursor,
)
from ingester.inlet.feeds.poll import Feed, Provider
from ingester.inlet.feeds.ports import ApiCall, Endpoint
from ingester.inlet.feeds.values import Page, RateLimit, RevokedPage, Slice
from ingester.settings import FeedSettings
from ingester.state import feeds

WAIT_S_MIN = 0.01


@dataclass(frozen=True, slots=True)
class SlicedFeed:
    """One slice of the articles feed, read like a feed of its own."""

    client: MetabaseClient
    part: Slice

    async def articles(self, cursor: str = OLDEST, limit: int = ARTICLES_LIMIT_MAX) -> Page:
        """Articles of this slice after the cursor."""
        return await self.client.articles(cursor, limit, self.part)

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
    configured = [
        Feed(settings, _connector(settings, part, service, http))
        for listed in service.settings.feed_list
        for settings, part in _slices(listed, service.settings.metabase_slices)
    ]
    return {feed.name: feed for feed in configured}


def _slices(settings: FeedSettings, slices: int) -> list[tuple[FeedSettings, Slice | None]]:
    if slices == 1 or settings.kind == "revoked":
        return [(settings, None)]
    return [
        (settings.model_copy(update={"name": f"{settings.name}-{number}of{slices}"}), Slice(number, slices))
        for number in range(slices)
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
        async def pace(_: Endpoint) -> None:
            await _take_slot(settings, service)

        async def record(call: ApiCall) -> None:
            await feeds.record_call(service.db, _recorded(settings.name, call, poll_id))

        client = MetabaseClient(
            str(service.settings.metabase_url),
            service.settings.metabase_api_key.get_secret_value(),
            http,
            pace=pace,
            breaker=breaker,
            record_call=record,
            clock=service.clock,
            options=ClientOptions(format=service.settings.metabase_format),
            revoked_cursor=revoked_cursor,
        )
        return client if part is None else SlicedFeed(client, part)

    return connect


async def _take_slot(settings: FeedSettings, service: Service) -> None:
    """Waits for the key's turn, which all processes share; revocations go first."""
    pause = timedelta(seconds=service.settings.metabase_pause_s)
    urgent = settings.kind == "revoked"
    while True:
        wait = await feeds.take_slot(service.db, settings.key, pause, urgent=urgent)
        if wait is None:
            return
        await asyncio.sleep(max(wait.total_seconds(), WAIT_S_MIN))


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
