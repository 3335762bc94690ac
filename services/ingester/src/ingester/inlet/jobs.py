"""What is triggered by time or by a command: polls, and another try for dead letters."""

import argparse
import sys

from clawback_common import jobs
from clawback_common.bus.gaps import accept_gaps
from clawback_common.bus.subscription import group_of
from clawback_common.errors import Conflict, Stop
from clawback_common.http.deadletters import DeadLetterFilter
from clawback_common.redrive import DeadLetterDesk
from clawback_common.sweeping import floor
from ingester.domain.feed import PollResult
from ingester.flow import GROUP, Service
from ingester.inlet.consumers import subscriptions
from ingester.inlet.deadletters import desk
from ingester.inlet.feeds.poll import Feed, poll
from ingester.state import feeds, sweeps
from ingester.state.sweeping import Articles


async def poll_on_schedule(feed: Feed, service: Service) -> None:
    """One pass, unless a person has to mend the feed first."""
    stopped = {row["name"] for row in await feeds.all_feeds(service.db) if row["state"] == "stopped"}
    if feed.name not in stopped:
        await poll_recorded(feed, service, "schedule")


async def poll_recorded(feed: Feed, service: Service, cause: str) -> PollResult:
    """One pass, recorded as a run of the job ``poll:<feed>``."""
    async with jobs.run(service.db, service.clock, f"poll:{feed.name}", cause=cause) as run:
        try:
            result = await poll(feed, service, cause)
        except Conflict:
            run.retried()
            result = await poll(feed, service, cause)
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
    moved = await accept_gaps(service.settings, topics)
    sys.stdout.write(f"accepted: {', '.join(moved) or 'there is no gap'}\n")
    return 0


async def floor_command(service: Service, chosen: argparse.Namespace) -> int:
    """``ingester floor``: prints the retention floor, or lowers it and lets the provider deliver again."""
    articles = Articles(service.db, service.clock, service.months)
    ours = floor.Floor(sweeps.floor, sweeps.lower_floor, articles.reopen)
    return await floor.run_role(service.db, service.clock, ours, chosen)
