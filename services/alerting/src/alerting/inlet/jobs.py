"""What a scheduler or a person starts by a command, and what it prints."""

import asyncio
import sys

from alerting import flow
from alerting.flow import GROUP, Service
from alerting.inlet.consumers import subscriptions
from alerting.inlet.deadletters import desk
from alerting.state import messages
from clawback_common import jobs
from clawback_common.bus.gaps import accept_gaps
from clawback_common.bus.subscription import group_of
from clawback_common.http.deadletters import DeadLetterFilter
from clawback_common.process import Stopping
from clawback_contracts.sweep.v1 import SweepRequested

DONE, PEOPLE_MUST_LOOK = 0, 3
LOOK_S = 0.2


def say(line: str) -> None:
    """A line for whoever reads along, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def test_command(service: Service, stopping: Stopping, wait_s: float) -> int:
    """``alerting test``: a test alert to everyone by every channel, sent by the worker. 0 all went, 3 some did not."""
    async with jobs.run(service.db, service.clock, "test", cause="command") as run:
        alert = await flow.test_everybody("command", service)
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_s
        while True:
            rows = [
                row
                for row in await messages.of_alert(service.db, alert.fingerprint)
                if row["occurrence"] == alert.occurrence
            ]
            open_rows = [row for row in rows if row["sent_at"] is None]
            if not open_rows or loop.time() >= end or await stopping.sleep(LOOK_S):
                break
        for row in sorted(rows, key=lambda row: (row["channel"], row["recipient"])):
            state = "sent" if row["sent_at"] else f"not sent: {row['error'] or 'no worker took it in time'}"
            say(f"{row['channel']} to {row['recipient']}: {state}")
        run.count(sent=len(rows) - len(open_rows), not_sent=len(open_rows))
        if not open_rows:
            return DONE
        run.needs_attention("some were not sent in time; they are tried again")
        return PEOPLE_MUST_LOOK


async def replay_command(service: Service) -> int:
    """``alerting replay-dlq``: tries every quarantined record again. 0 all went in, 3 some are still bad."""
    outcome = await desk(service).retry(DeadLetterFilter(older_than_s=0))
    say(f"dead letters: {outcome.retried} went in, {outcome.failed} failed again")
    return PEOPLE_MUST_LOOK if outcome.failed else DONE


async def accept_gap_command(service: Service) -> int:
    """``alerting accept-gap``: moves the groups past records that are gone. Stop the workers first."""
    topics = {one.topic: group_of(GROUP, one) for one in subscriptions(service)}
    topics[SweepRequested.TOPIC] = f"{GROUP}.sweeps"
    moved = await accept_gaps(service.settings, topics, service.db, GROUP)
    say(f"accepted: {', '.join(moved) or 'there is no gap'}")
    return DONE
