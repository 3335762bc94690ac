"""Lanes that stall because the service is at fault rather than a record: each stall is stored and raises an alert."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from clawback_common.alerts import messages
from clawback_common.alerts.condition import Condition, lane_stalled
from clawback_common.clock import Clock
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database, Queries, Transaction

SQL = Queries.load(__package__, "stalls")
REPEAT_INTERVAL = timedelta(hours=1)


class LaneAlerts(Protocol):
    """Raises and resolves alerts on the lanes of a service."""

    async def raise_one(self, tx: Transaction, condition: Condition) -> None:
        """Raise the alert."""
        ...

    async def resolve_one(self, tx: Transaction, condition: Condition) -> None:
        """Resolve the alert."""
        ...


@dataclass(frozen=True, slots=True)
class OutboxAlerts:
    """Publishes the alerts through the service's outbox, as events."""

    service: str
    outbox: PriorityOutbox
    clock: Clock

    async def raise_one(self, tx: Transaction, condition: Condition) -> None:
        """AlertRaised."""
        now = self.clock.now()
        await self.outbox.put(tx, [messages.raised(self.service, condition, 2 * _milliseconds(now), now)])

    async def resolve_one(self, tx: Transaction, condition: Condition) -> None:
        """AlertResolved."""
        now = self.clock.now()
        number, identity = 2 * _milliseconds(now) + 1, condition.fingerprint(self.service)
        await self.outbox.put(tx, [messages.resolved(self.service, identity, condition.name, number, now)])


def _milliseconds(instant: datetime) -> int:
    """Part of the event id, so that neither a restored database nor a second process reuses an id."""
    return int(instant.timestamp() * 1_000)


@dataclass(frozen=True, slots=True)
class Stalls:
    """The stalls of one lane: a topic and a consumer group."""

    db: Database
    clock: Clock
    alerts: LaneAlerts
    group: str
    topic: str

    async def stalled(self, partition: int, offset: int, kind: str) -> None:
        """Store that the lane is stalled at this record, and raise the alert, once per hour.

        Args:
            partition: the partition.
            offset: the first record that is not handled.
            kind: SQLSTATE or type of the error.
        """
        now = self.clock.now()
        async with self.db.transaction() as tx:
            place = (self.group, self.topic, partition)
            if await tx.fetch(SQL["stalled"], *place, offset, kind, now, now - REPEAT_INTERVAL):
                await self.alerts.raise_one(tx, lane_stalled(self.group, self.topic, kind))

    async def kinds(self, partitions: list[int]) -> set[str]:
        """Return the errors at which these partitions stalled."""
        rows = await self.db.fetch(SQL["kinds"], self.group, self.topic, partitions)
        return {row["kind"] for row in rows}

    async def resumed(self, next_offsets: Mapping[int, int]) -> None:
        """Store that these partitions resumed; resolve the alert when no partition of the lane is stalled."""
        numbers = sorted(next_offsets)
        async with self.db.transaction() as tx:
            place = (self.group, self.topic)
            gone = await tx.fetch(SQL["resumed"], *place, numbers, [next_offsets[one] for one in numbers])
            if gone and not await tx.fetchval(SQL["still"], *place):
                await self.alerts.resolve_one(tx, lane_stalled(self.group, self.topic, ""))
