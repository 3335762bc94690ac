"""Sends what an outbox holds. One relay of a lane is at work at a time: the holder of the lane's lease.

A commit in the same process wakes it; rows of other processes are found by looking. A row is marked after the
broker has confirmed it, so after a crash some are sent twice and none is lost. A relay that was frozen and wakes up
may send some again, which receivers fold; it marks nothing, because its lease is lost.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg
import structlog

from clawback_common.clock import Clock
from clawback_common.errors import Poison, Transient
from clawback_common.kafka.envelope import Message
from clawback_common.kafka.producer import Producer, Sent
from clawback_common.postgres import Database, Querier
from clawback_common.service import leases
from clawback_common.service.leases import Lease, LeaseLost
from clawback_common.service.priority import Priority
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.waking import Sleeper
from clawback_common.telemetry import counter, gauge
from clawback_common.telemetry.tracing import send_span

Waiting: TypeAlias = asyncpg.Record
Rendered: TypeAlias = Message | None
Render: TypeAlias = Callable[[Querier, Sequence[Waiting]], Awaitable[Sequence[Rendered]]]
"""The messages of these rows, or of the first of them, at least one, where all would be too many bytes."""

BATCH = 500
BATCH_BYTES_MAX = 8 * 1024 * 1024
"""A batch is over with the message that reaches this: what is sent at once must fit into the memory of a small pod."""
RESTART_BATCHES = 10
"""Full batches until the relay looks for rows from the beginning again."""
LOOK_S = 0.1
"""How long a row of another process may wait to be found."""
LOOK_S_MAX = 0.4

_SENT = counter("outbox_sent_total", "Messages that the broker confirmed.", ("lane",))
_SKIPPED = counter("outbox_skipped_total", "References that had nothing left to say.", ("lane",))
_SET_ASIDE = counter("outbox_set_aside_total", "Rows that cannot be sent.", ("lane",))
_WAITING = gauge("outbox_waiting_messages", "Rows not sent yet.", ("lane",))
_AGE = gauge("outbox_oldest_seconds", "Age of the oldest row not sent yet.", ("lane",))
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """One outbox: its queries, and how a row becomes a message."""

    name: str
    sql: Mapping[str, str]
    render: Render
    urgent: bool = False
    """What it sends, articles give way to."""

    @property
    def lease(self) -> str:
        """The name of its lease."""
        return f"relay {self.name}"


@dataclass(slots=True)
class _Batch:
    """The rows that are sent together; ``followed``: more were waiting behind them."""

    rows: Sequence[Waiting]
    followed: bool

    def keep_first(self, count: int) -> None:
        """Those behind wait for the next batch."""
        if count < len(self.rows):
            self.rows, self.followed = self.rows[:count], True


class Relay:
    """Runs in a worker until told to stop; ``wake`` says that there is something to send."""

    def __init__(
        self,
        lane: Lane,
        db: Database,
        producer: Producer,
        clock: Clock,
        on_set_aside: Callable[[str, str], Awaitable[None]] | None = None,
        priority: Priority | None = None,
    ) -> None:
        self._lane = lane
        self._priority = priority or Priority()
        self._db = db
        self._producer = producer
        self._clock = clock
        self._on_set_aside = on_set_aside
        self._sleeper = Sleeper()
        self._sent_up_to = 0
        self._full_batches = 0

    def wake(self) -> None:
        """Something was committed."""
        self._sleeper.wake()

    async def run(self, stop: ShutdownEvent) -> None:
        """Sends until ``stop`` is set and what was committed before has gone out."""
        while True:
            try:
                async with leases.held(self._db, self._lane.lease) as lease:
                    if lease is not None:
                        await self._lead(stop, lease)
            except (Transient, LeaseLost) as error:
                _log.warning("relay waits", lane=self._lane.name, error=error)
            if stop.is_set():
                return
            await stop.sleep(leases.LOOK_S)

    async def _lead(self, stop: ShutdownEvent, lease: Lease) -> None:
        idle_s = LOOK_S
        while True:
            lease.require()
            stopping = stop.is_set()
            moved = await self.send_some(lease)
            if moved:
                idle_s = LOOK_S
            elif stopping:
                return
            else:
                await self._sleeper.sleep(idle_s)
                idle_s = min(idle_s * 1.5, LOOK_S_MAX)

    async def send_some(self, lease: Lease) -> int:
        """Sends one batch; gives how many rows it dealt with.

        Raises:
            LeaseLost: another process sends; nothing was marked.
        """
        if not self._lane.urgent:
            await self._priority.give_way()
        rows = await self._db.fetch(self._lane.sql["waiting"], self._sent_up_to, BATCH)
        if not rows:
            if self._sent_up_to:
                self._sent_up_to = 0
                return await self.send_some(lease)
            return 0
        batch = _Batch(rows, followed=rows[-1]["followed"])
        try:
            with self._priority.urgent() if self._lane.urgent else nullcontext():
                await self._deal_with(batch, lease)
        finally:
            self._go_on_behind(batch)
        return len(batch.rows)

    def _go_on_behind(self, batch: "_Batch") -> None:
        """Past the rows just sent lie dead index entries until a vacuum; skipping them is only a hint.

        A batch with nothing behind it starts from the beginning again, and so does every tenth: a row committed late,
        or sent again, or not confirmed, does not wait behind a whole backlog. Rows that wait for what is away are
        passed over as well: those behind them must not wait.
        """
        self._full_batches += 1
        again = not batch.followed or self._full_batches % RESTART_BATCHES == 0
        self._sent_up_to = 0 if again else batch.rows[-1]["id"]

    async def _deal_with(self, batch: "_Batch", lease: Lease) -> None:
        try:
            rendered = await self._lane.render(self._db, batch.rows)
        except Poison as error:
            await self._alone_or_aside(batch.rows, error, lease)
            return
        batch.keep_first(len(rendered))
        messages = [message for message in rendered if message]
        lease.require()  # what was rendered before a freeze may have been withdrawn since
        with send_span(_topic(messages, self._lane.name), [message.traceparent for message in messages]):
            outcomes = iter(await self._producer.send(messages))
        places: list[tuple[Waiting, Sent | None]] = []
        waits = set[str]()
        for row, message in zip(batch.rows, rendered, strict=True):
            match next(outcomes) if message else None:
                case Poison() as unsendable:
                    await self._set_aside(row, unsendable, lease)
                case Transient() as away:
                    waits.add(str(away))
                case place:
                    places.append((row, place))
        await self._mark(places, lease)
        if waits:
            raise Transient("; ".join(sorted(waits)))

    async def _alone_or_aside(self, rows: Sequence[Waiting], error: Poison, lease: Lease) -> None:
        if len(rows) == 1:
            await self._set_aside(rows[0], error, lease)
        else:
            for row in rows:
                await self._deal_with(_Batch([row], followed=True), lease)

    async def _mark(self, places: Sequence[tuple[Waiting, Sent | None]], lease: Lease) -> None:
        async with lease.transaction() as tx:
            await tx.execute(
                self._lane.sql["sent"],
                [row["id"] for row, _ in places],
                [place.partition if place else None for _, place in places],
                [place.offset if place else None for _, place in places],
                self._clock.now(),
            )
        skipped = sum(place is None for _, place in places)
        _SENT.labels(self._lane.name).inc(len(places) - skipped)
        _SKIPPED.labels(self._lane.name).inc(skipped)

    async def _set_aside(self, row: Waiting, error: Poison, lease: Lease) -> None:
        _SET_ASIDE.labels(self._lane.name).inc()
        _log.error("row cannot be sent", lane=self._lane.name, row=row["id"], error=error)
        with lease.fence():
            await self._db.execute(self._lane.sql["set_aside"], row["id"], str(error))
            if self._on_set_aside:
                await self._on_set_aside(self._lane.name, f"row {row['id']}: {error}")

    @property
    def lane(self) -> str:
        """Its lane's name."""
        return self._lane.name

    async def oldest(self) -> datetime | None:
        """Since when the oldest row waits that can be sent; None: nothing waits."""
        depth = await self._db.fetchrow(self._lane.sql["depth"])
        return depth["oldest"] if depth else None

    async def measure(self) -> None:
        """Measures what waits."""
        depth = await self._db.fetchrow(self._lane.sql["depth"])
        now = self._clock.now()
        if depth is not None:
            _WAITING.labels(self._lane.name).set(depth["waiting"])
            _AGE.labels(self._lane.name).set(
                (now - depth["oldest"]).total_seconds() if depth["oldest"] else 0
            )


def _topic(messages: Sequence[Message], lane: str) -> str:
    topics = {message.topic for message in messages}
    return topics.pop() if len(topics) == 1 else lane
