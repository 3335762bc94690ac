"""What a scheduler or a person starts by a command, and what it prints."""

import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clawback_common.bus.gaps import accept_gaps
from clawback_common.bus.subscription import group_of
from clawback_common.http.deadletters import DeadLetterFilter
from clawback_common.process import Stopping
from retention.flow import GROUP, Service
from retention.inlet.consumers import subscriptions, sweeper
from retention.inlet.deadletters import desk
from retention.inlet.sweeping import DONE, PEOPLE_MUST_LOOK, SweepJob
from retention.state import holds

HOLDS_LISTED = 1_000
_END = datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1)


def say(line: str) -> None:
    """A line for whoever reads along, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def sweep_command(
    service: Service, stopping: Stopping, data_class: str | None, wait_min: float, *, dry_run: bool
) -> int:
    """``retention sweep``: 0 all owners have done it, 3 one failed or has not answered."""
    job = SweepJob(service, stopping, say, timedelta(minutes=wait_min))
    return await job.asked(data_class, dry_run=dry_run, cause="schedule", by="command")


async def holds_command(service: Service, *, ended_too: bool) -> int:
    """``retention holds``: a line a hold in force."""
    rows = await holds.page(service.db, _END, HOLDS_LISTED, None, ended_too=ended_too)
    for row in rows:
        say(
            f"{row['hold_id']}  {row['data_class']:<20}{row['state']:<11}"
            f"{_scope(row['articles'], row['dated_from'], row['dated_until']):<40}"
            f"placed {row['placed_at']:%Y-%m-%d %H:%M} UTC by {row['placed_by']}"
        )
    if not rows:
        say("there are no holds" if ended_too else "no holds are in force")
    return DONE


def _scope(articles: int, dated_from: datetime | None, dated_until: datetime | None) -> str:
    if articles:
        return f"{articles} articles"
    if dated_from is None and dated_until is None:
        return "everything"
    start = f"{dated_from:%Y-%m-%d}" if dated_from else "the beginning"
    end = f"{dated_until:%Y-%m-%d}" if dated_until else "for ever"
    return f"from {start} until {end}"


async def replay_command(service: Service) -> int:
    """``retention replay-dlq``: tries every quarantined record again. 0 all went in, 3 some are still bad."""
    outcome = await desk(service).retry(DeadLetterFilter(older_than_s=0))
    say(f"dead letters: {outcome.retried} went in, {outcome.failed} failed again")
    return PEOPLE_MUST_LOOK if outcome.failed else DONE


async def accept_gap_command(service: Service) -> int:
    """``retention accept-gap``: moves the groups past records that are gone. Stop the workers first."""
    topics = {one.topic: group_of(GROUP, one) for one in subscriptions(service, sweeper(service))}
    moved = await accept_gaps(service.settings, topics, service.db, GROUP)
    say(f"accepted: {', '.join(moved) or 'there is no gap'}")
    return DONE
