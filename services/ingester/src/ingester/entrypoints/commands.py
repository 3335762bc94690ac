"""What is triggered by time or by a command: polls, and another try for dead letters."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta

from clawback_common import jobs
from clawback_common.bus.gaps import accept_gaps
from clawback_common.bus.subscription import group_of
from clawback_common.errors import Conflict, Stop
from clawback_common.http.deadletters import DeadLetterFilter
from clawback_common.redrive import DeadLetterDesk
from clawback_common.sweeping import floor
from ingester.domain.feed import PollResult
from ingester.entrypoints.consumers import subscriptions
from ingester.entrypoints.deadletters import desk
from ingester.storage import feeds, sweeps
from ingester.storage.sweeping import Articles
from ingester.use_cases import GROUP, Service
from ingester.use_cases.polling import Feed, poll, poll_if_due

Once = Callable[[Feed, Service], Awaitable[PollResult | None]]


async def poll_on_schedule(feed: Feed, service: Service) -> None:
    """One pass, if it is due and no other process makes it, unless a person has to mend the feed first."""
    if await feeds.due(service.db, feed.name, timedelta(seconds=feed.settings.interval_s)):
        await _recorded(feed, service, "schedule", poll_if_due)


async def poll_recorded(feed: Feed, service: Service, cause: str) -> PollResult:
    """One pass, recorded as a run of the job ``poll:<feed>``."""

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


async def poll_command(feed: Feed | None, service: Service, name: str) -> int:
    """``ingester poll FEED``: prints what the pass brought. 0 caught up, 1 the provider failed."""
    if feed is None:
        raise Stop(f"no feed {name} in FEEDS")
    result = await poll_recorded(feed, service, "command")
    sys.stdout.write(
        f"{name}: {result.pages} pages, {result.received} entries, {result.noticed} notices, "
        f"{'caught up' if result.caught_up else f'stopped: {result.error}'}\n"
    )
    return 0 if result.caught_up else 1


async def replay_command(service: Service) -> int:
    """``ingester replay-dlq``: tries every quarantined record again. 0 all went in, 3 some are still bad."""
    letters: DeadLetterDesk = desk(service)
    outcome = await letters.retry(DeadLetterFilter(older_than_s=0))
    sys.stdout.write(f"dead letters: {outcome.retried} went in, {outcome.failed} failed again\n")
    return 3 if outcome.failed else 0


async def accept_gap_command(service: Service) -> int:
    """``ingester accept-gap``: moves the group past records that are gone. Stop the workers first."""
    topics = {one.topic: group_of(GROUP, one) for one in subscriptions(service)}
    moved = await accept_gaps(service.settings, topics, service.db, GROUP)
    sys.stdout.write(f"accepted: {', '.join(moved) or 'there is no gap'}\n")
    return 0


async def floor_command(service: Service, chosen: argparse.Namespace) -> int:
    """``ingester floor``: prints the retention floor, or lowers it and lets the provider deliver again."""
    articles = Articles(service.db, service.clock, service.months)
    ours = floor.Floor(sweeps.floor, sweeps.lower_floor, articles.reopen)
    return await floor.run_role(service.db, service.clock, ours, chosen)
