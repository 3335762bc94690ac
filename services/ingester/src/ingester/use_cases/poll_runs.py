"""Polls, each recorded as a run of the job ``poll:<feed>``."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from clawback_common.errors import Conflict
from clawback_common.service import jobs
from ingester.domain.feed import PollResult
from ingester.gateways.providers.port import Feed
from ingester.storage import feeds
from ingester.use_cases.polling import poll, poll_if_due
from ingester.use_cases.service import Service

Once = Callable[[Feed, Service], Awaitable[PollResult | None]]


async def poll_on_schedule(feed: Feed, service: Service) -> None:
    """Polls the feed if a poll is due, no other process does it, and the feed is not stopped."""
    if await feeds.due(service.db, feed.name, timedelta(seconds=feed.settings.interval_s)):
        await _recorded(feed, service, "schedule", poll_if_due)


async def poll_recorded(feed: Feed, service: Service, cause: str) -> PollResult:
    """Polls the feed and records the run."""

    async def once(feed: Feed, service: Service) -> PollResult:
        return await poll(feed, service, cause)

    result = await _recorded(feed, service, cause, once)
    if result is None:
        raise Conflict(f"feed {feed.name} is polled by another process")
    return result


async def _recorded(feed: Feed, service: Service, cause: str, once: Once) -> PollResult | None:
    async with jobs.run(service.db, service.clock, f"poll:{feed.name}", cause=cause) as run:
        try:
            result = await once(feed, service)
        except Conflict:
            run.retried()
            result = await once(feed, service)
        if result is None:
            run.skipped("another process polls it")
            return None
        run.count(
            pages=result.pages, received=result.received, noticed=result.noticed, too_old=result.too_old
        )
        if result.error:
            run.needs_attention(result.error)
        return result
