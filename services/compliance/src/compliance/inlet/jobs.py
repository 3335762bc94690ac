"""What a scheduler or a person starts by a command, and what it prints."""

import sys
from datetime import timedelta

from clawback_common import jobs
from clawback_common.bus.gaps import accept_gaps
from clawback_common.bus.subscription import group_of
from clawback_common.http.deadletters import DeadLetterFilter
from clawback_common.process import Stopping
from compliance.domain import condition
from compliance.flow import GROUP, Service
from compliance.inlet.checks import DONE, PEOPLE_MUST_LOOK, Check
from compliance.inlet.consumers import subscriptions
from compliance.inlet.deadletters import desk
from compliance.inlet.watchers import watch_time
from compliance.outlet.ingester import Ingester
from compliance.state import obligations, runs


def say(line: str) -> None:
    """A line for whoever reads along, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def run_command(service: Service, ingester: Ingester, stopping: Stopping, wait_min: float) -> int:
    """``compliance run``: 0 all closed, 1 the provider failed, 3 something is open or overdue."""
    check = Check(service, ingester, stopping, say, timedelta(minutes=wait_min))
    return await check.asked("schedule", "command")


async def health_command(service: Service) -> int:
    """``compliance health``: closes what time has closed, says what is late. 0 nothing, 3 people must look."""
    async with jobs.run(service.db, service.clock, "health", cause="schedule") as job:
        now = service.clock.now()
        found = await watch_time(service)
        last = await runs.last_completed(service.db)
        state = condition.run_state(last, now)
        say(f"last completed run: {last.isoformat(timespec='seconds') if last else 'never'} ({state})")
        failed = await runs.failed_in_a_row(service.db)
        if failed:
            say(f"runs that failed since: {failed}")
        for one in await obligations.lateness(service.db, now):
            say(f"{one.holder}: {one.overdue} overdue, {one.at_risk} at risk")
        for counted in await obligations.counts(service.db):
            say(f"obligations {'of time ' if counted.by_time else ''}{counted.state}: {counted.obligations}")
        for condition_ in found:
            say(f"{condition_.severity.value}: {condition_.summary}")
        if service.settings.mock:
            say("COMPLIANCE=mock: this is no evidence")
        if not found and state == "ok" and not failed:
            say("nothing is overdue or at risk")
            return DONE
        job.needs_attention("runs or obligations are late, runs fail, or no run ever completed")
        return PEOPLE_MUST_LOOK


async def replay_command(service: Service) -> int:
    """``compliance replay-dlq``: tries every quarantined record again. 0 all went in, 3 some are still bad."""
    outcome = await desk(service).retry(DeadLetterFilter(older_than_s=0))
    say(f"dead letters: {outcome.retried} went in, {outcome.failed} failed again")
    return PEOPLE_MUST_LOOK if outcome.failed else DONE


async def accept_gap_command(service: Service) -> int:
    """``compliance accept-gap``: moves the group past records that are gone. Stop the workers first."""
    topics = {one.topic: group_of(GROUP, one) for one in subscriptions(service)}
    moved = await accept_gaps(service.settings, topics, service.db, GROUP)
    say(f"accepted: {', '.join(moved) or 'there is no gap'}")
    return DONE
