"""A subscription of a service, and what all of its subscribers share."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from clawback_common.clock import Clock
from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Stop
from clawback_common.kafka.authentication import Authentication
from clawback_common.kafka.decode import VALUE_BYTES_MAX
from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.stalls import LaneAlerts
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.quarantine import Bad, ForbiddenIds
from clawback_common.postgres import Database, Transaction
from clawback_common.service.priority import Priority
from clawback_contracts.envelope import Event

Handler = Callable[[Batch[Any]], Awaitable[None]]
OnBad = Callable[[Transaction, Sequence[Bad]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """A topic that a service consumes, and its handler."""

    topic: str
    events: tuple[type[Event], ...]
    handler: Handler
    lane: str | None = None
    """A separate consumer group, ``<group>.<lane>``: rebalances of other topics do not affect it."""
    parallel: int = 1
    """Subscribers in this process, which is the number of concurrent batches."""
    records_max: int = 200
    fetch_bytes_max: int = 1_048_576
    """Bytes of one partition that are fetched, and kept in memory, at once: enough for ``records_max`` records."""
    response_bytes_max: int = 52_428_800
    """Bytes of all partitions in one response. Each response is copied several times before its records are read."""
    value_bytes_max: int = VALUE_BYTES_MAX
    own_offsets: bool = False
    """The handler stores the offsets in the database; consumption starts from the smaller of those and the group's."""
    must_catch_up: bool = True
    """With own offsets: the process is not ready before it has processed the records from before its start."""
    gather_s: float = 0.0
    """After a batch that was not full, records gather this long: for those that nothing waits for."""
    on_bad: OnBad | None = None
    """Called in the transaction that quarantines records."""
    forbidden: ForbiddenIds | None = None
    """For topics with content: the ids about which no bytes may be stored in quarantine."""

    @property
    def content(self) -> bool:
        """Whether its records contain content."""
        return self.forbidden is not None


def group_of(service: str, subscription: Subscription) -> str:
    """Return the consumer group of a service's subscription."""
    return f"{service}.{subscription.lane}" if subscription.lane else service


@dataclass(frozen=True, slots=True)
class BusContext:
    """What every subscriber of a process shares."""

    service: str
    settings: CommonSettings
    db: Database
    outbox: PriorityOutbox
    clock: Clock
    alerts: LaneAlerts
    authentication: Authentication = field(default_factory=Authentication.none)
    priority: Priority = field(default_factory=Priority)
    refused: asyncio.Queue[Stop] = field(default_factory=asyncio.Queue)

    def refuse(self, why: Stop) -> None:
        """Stop consuming in this process."""
        self.refused.put_nowait(why)
