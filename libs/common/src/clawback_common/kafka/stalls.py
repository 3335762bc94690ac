"""Lanes that wait because the service is at fault rather than a record: each is recorded, and a person is paged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from clawback_common.alerts import messages
from clawback_common.alerts.condition import Condition, lane_stalled
from clawback_common.clock import Clock
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database, Queries, Transaction

SQL = Queries.load(__package__, "stalls")
REPEAT_INTERVAL = timedelta(hours=1)


class LaneAlerts(Protocol):
    """How a service raises and resolves alerts on its lanes."""

    async def raise_one(self, tx: Transaction, condition: Condition) -> None:
        """It holds."""
        ...

    async def resolve_one(self, tx: Transaction, condition: Condition) -> None:
        """It no longer holds."""
        ...


@dataclass(frozen=True, slots=True)
class OutboxAlerts:
    """Through the service's outbox, as events."""

    service: str
    outbox: OrdersOutbox
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
    """Part of the event's id: neither a restored database nor a second process gives it again."""
    return int(instant.timestamp() * 1_000)


@dataclass(frozen=True, slots=True)
class Stalls:
    """Of one lane: a topic and a consumer group."""

    db: Database
    clock: Clock
    alerts: LaneAlerts
    group: str
    topic: str

    async def stalled(self, partition: int, offset: int, kind: str) -> None:
        """Records that the lane waits at this record, and pages, once an hour.

        Args:
            partition: where.
            offset: the first record that is not handled.
            kind: SQLSTATE or type of the error.
        """
        now = self.clock.now()
        async with self.db.transaction() as tx:
            place = (self.group, self.topic, partition)
            if await tx.fetch(SQL["stalled"], *place, offset, kind, now, now - REPEAT_INTERVAL):
                await self.alerts.raise_one(tx, lane_stalled(self.group, self.topic, kind))

    async def kinds(self, partitions: list[int]) -> set[str]:
        """The errors at which these partitions stalled."""
        rows = await self.db.fetch(SQL["kinds"], self.group, self.topic, partitions)
        return {row["kind"] for row in rows}

    async def resumed(self, next_offsets: Mapping[int, int]) -> None:
        """Records that these partitions went on; the alert is resolved when no partition of the lane waits."""
        numbers = sorted(next_offsets)
        async with self.db.transaction() as tx:
            place = (self.group, self.topic)
            gone = await tx.fetch(SQL["resumed"], *place, numbers, [next_offsets[one] for one in numbers])
            if gone and not await tx.fetchval(SQL["still"], *place):
                await self.alerts.resolve_one(tx, lane_stalled(self.group, self.topic, ""))
