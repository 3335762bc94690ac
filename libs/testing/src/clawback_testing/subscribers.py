"""Tools for tests of subscribers: a meaningless event, and subscribers for the duration of a block."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import Field

from clawback_common.kafka.bus import Bus
from clawback_common.kafka.envelope import Batch, Message
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.service.process import ShutdownEvent
from clawback_contracts.envelope import Event, event_id
from clawback_testing.waiting import until

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Ping(Event):
    """A meaningless event."""

    TYPE: ClassVar[str] = "test.ping.v1"
    TOPIC: ClassVar[str] = "pings"
    KEY: ClassVar[str] = "who"

    who: str = Field(min_length=1)
    number: int
    words: str = ""


def ping(number: int, who: str = "ann", words: str = "", *, topic: str = "pings") -> Message:
    """Return the message; its event id is derived from the number."""
    event = Ping(who=who, number=number, words=words)
    return Message.of(event, event_id("ping", number), at=AT, traceparent=None, topic=topic)


@dataclass(slots=True)
class Recorder:
    """A handler that records its batches; ``fault`` is awaited first, and may raise."""

    fault: Callable[[list[int]], Awaitable[None]] | None = None
    batches: list[list[int]] = field(default_factory=list)
    attempts: list[list[int]] = field(default_factory=list)

    async def __call__(self, batch: Batch[Ping]) -> None:
        """Handle a batch."""
        numbers = [one.value.number for one in batch]
        self.attempts.append(numbers)
        if self.fault is not None:
            await self.fault(numbers)
        self.batches.append(numbers)

    @property
    def numbers(self) -> list[int]:
        """The numbers of the handled events, in order."""
        return [number for batch in self.batches for number in batch]


@asynccontextmanager
async def consuming(context: BusContext, *subscriptions: Subscription) -> AsyncIterator[Bus]:
    """Run subscribers that are assigned before the block, and stop after it."""
    bus = Bus(context, subscriptions)
    try:
        await bus.start(ShutdownEvent())
        await until(lambda: _all_assigned(bus), what="assignment")
        yield bus
    finally:
        await bus.stop()


def _all_assigned(bus: Bus) -> bool:
    return all(subscriber.assigned is not None for subscriber in bus.subscribers)


def fails_at(number: int, error: Exception, times: int = 10**9) -> Callable[[list[int]], Awaitable[None]]:
    """Return a function that fails for every batch with this number, this many times."""
    remaining = times

    async def fault(numbers: list[int]) -> Any:
        nonlocal remaining
        if number in numbers and remaining > 0:
            remaining -= 1
            raise error

    return fault
