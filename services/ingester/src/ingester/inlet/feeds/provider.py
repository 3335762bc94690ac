"""The configured feeds, each with its provider behind pace, retries and breaker."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import httpx

from clawback_common.breaker import Breaker
from clawback_common.errors import Stop
from ingester.flow import Service
from ingester.inlet.feeds.codes import LIVING
from ingester.inlet.feeds.metabase_client import MetabaseClient
from ingester.inlet.feeds.poll import Feed
from ingester.inlet.feeds.ports import ApiCall, Endpoint
from ingester.settings import FeedSettings
from ingester.state import feeds

WAIT_S_MIN = 0.01


def configured_feeds(service: Service, http: httpx.AsyncClient) -> dict[str, Feed]:
    """Every feed of the settings by name.

    Raises:
        Stop: a feed names a provider that nobody here can read.
    """
    return {
        settings.name: Feed(settings, _connector(settings, service, http))
        for settings in service.settings.feed_list
    }


def _connector(
    settings: FeedSettings, service: Service, http: httpx.AsyncClient
) -> Callable[[UUID], MetabaseClient]:
    if settings.provider != "metabase":
        raise Stop(
            f"feed {settings.name}: no reader for the provider {settings.provider}; there is one for metabase"
        )
    breaker = Breaker(settings.name, service.clock, fine=LIVING)

    def connect(poll_id: UUID) -> MetabaseClient:
        async def pace(_: Endpoint) -> None:
            await _take_slot(settings, service)

        async def record(call: ApiCall) -> None:
            await feeds.record_call(service.db, _recorded(settings.name, call, poll_id))

        return MetabaseClient(
            str(service.settings.metabase_url),
            service.settings.metabase_api_key.get_secret_value(),
            http,
            pace=pace,
            breaker=breaker,
            record_call=record,
            clock=service.clock,
        )

    return connect


async def _take_slot(settings: FeedSettings, service: Service) -> None:
    """Waits for the key's turn, which all processes share; revocations go first."""
    pause = timedelta(seconds=service.settings.metabase_pause_s)
    urgent = settings.kind == "revoked"
    while True:
        now = service.clock.now()
        next_at = await feeds.take_slot(service.db, settings.key, now, pause, urgent=urgent)
        if next_at is None:
            return
        await asyncio.sleep(max((next_at - now).total_seconds(), WAIT_S_MIN))


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
