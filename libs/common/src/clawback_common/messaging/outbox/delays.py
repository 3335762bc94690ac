"""Delayed outboxes: raises an alert when the oldest unsent row of a lane is too old."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from clawback_common.alerts import messages
from clawback_common.alerts.condition import outbox_delayed
from clawback_common.clock import Clock
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.outbox.relay import Relay
from clawback_common.postgres import Database, Queries

SQL = Queries.load(__package__, "delays")
AGE_MAX = {"priority": timedelta(minutes=5), "bulk": timedelta(minutes=30)}
"""News may wait behind a backlog, or until the revocations are read; the other lane waits for nothing."""
REPEAT_INTERVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OutboxDelays:
    """The delays of one service.

    The alert of the lane that carries alerts is sent on that lane itself; until then only the metric shows the delay.
    """

    service: str
    db: Database
    clock: Clock
    outbox: PriorityOutbox

    async def watch(self, relay: Relay) -> None:
        """Raise the alert of a lane, repeat it every hour, resolve it."""
        now, lane = self.clock.now(), relay.lane
        oldest = await relay.oldest()
        late = oldest is not None and now - oldest > AGE_MAX[lane]
        condition = outbox_delayed(lane)
        async with self.db.transaction() as tx:
            if late and await tx.fetchval(SQL["delayed"], lane, now, now - REPEAT_INTERVAL) is not None:
                message = messages.raised(self.service, condition, 2 * _milliseconds(now), now)
            elif not late and await tx.fetchval(SQL["over"], lane) is not None:
                identity = condition.fingerprint(self.service)
                number = 2 * _milliseconds(now) + 1
                message = messages.resolved(self.service, identity, condition.name, number, now)
            else:
                return
            await self.outbox.put(tx, [message])


def _milliseconds(now: datetime) -> int:
    """Part of the event id, so that a restored database does not reuse an id."""
    return int(now.timestamp() * 1_000)
