"""Outboxes that do not get through: the age of the oldest row that was not sent is watched, and a person is paged."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from clawback_common.alerts import messages
from clawback_common.alerts.condition import outbox_delayed
from clawback_common.clock import Clock
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.messaging.outbox.relay import Relay
from clawback_common.postgres import Database, Queries

SQL = Queries.load(__package__, "delays")
AGE_MAX = {"orders": timedelta(minutes=5), "news": timedelta(minutes=30)}
"""News wait behind a backlog, or until the revocations were read; the other lane waits for nothing."""
REPEAT_INTERVAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class OutboxDelays:
    """Of one service. The alert on the lane that carries alerts travels on it: until then, only the metric shows it."""

    service: str
    db: Database
    clock: Clock
    outbox: OrdersOutbox

    async def watch(self, relay: Relay) -> None:
        """Raises the alert on a lane, repeats it every hour, resolves it."""
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
    """Part of the event's id: a restored database does not give it again."""
    return int(now.timestamp() * 1_000)
