"""Sends the rows of an outbox. At most one relay per lane is active: the holder of the lane's lease.

A commit in the same process wakes the relay; rows of other processes are found by polling. A row is marked after the
broker has confirmed it, so after a crash some are sent twice and none is lost. A relay that was frozen may send some
rows again when it resumes, which receivers ignore. It marks nothing, because it has lost its lease.
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
"""Returns the messages of these rows, or of the first ones, at least one, when all would be too many bytes."""

BATCH = 500
BATCH_BYTES_MAX = 8 * 1024 * 1024
"""A batch ends with the message that reaches this size, so that it fits into the memory of a small pod."""
RESTART_BATCHES = 10
"""Number of full batches after which the relay reads from the first unsent row again."""
LOOK_S = 0.1
"""The longest time after which a busy relay finds a row of another process."""
LOOK_S_MAX = 0.4

_SENT = counter("outbox_sent_total", "Messages that the broker confirmed.", ("lane",))
_SKIPPED = counter("outbox_skipped_total", "References whose article may no longer be published.", ("lane",))
_SET_ASIDE = counter("outbox_set_aside_total", "Rows that cannot be sent.", ("lane",))
_WAITING = gauge("outbox_waiting_messages", "Rows not sent yet.", ("lane",))
_AGE = gauge("outbox_oldest_seconds", "Age of the oldest row not sent yet.", ("lane",))
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lane:
    """One outbox: its queries, and the function that renders its rows as messages."""

    name: str
    sql: Mapping[str, str]
    render: Render
    urgent: bool = False
    """Articles are delayed while this lane sends."""

    @property
    def lease(self) -> str:
        """The name of its lease."""
        return f"relay {self.name}"


@dataclass(slots=True)
class _Batch:
    """Rows that are sent together; ``followed``: more rows wait behind them."""

    rows: Sequence[Waiting]
    followed: bool

    def keep_first(self, count: int) -> None:
        """Keep the first rows; the others wait for the next batch."""
        if count < len(self.rows):
            self.rows, self.followed = self.rows[:count], True


class Relay:
    """Runs in a worker until shutdown; ``wake`` announces new rows."""

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
        self._followed = False
        """Rows were waiting behind the last batch."""

    def wake(self) -> None:
        """Send soon: something was committed."""
        self._sleeper.wake()

    async def run(self, stop: ShutdownEvent) -> None:
        """Send until ``stop`` is set and everything that was committed before is sent."""
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
            if not (self._followed or stopping):
                await self._sleeper.sleep(idle_s)
                idle_s = min(idle_s * 1.5, LOOK_S_MAX)

    async def send_some(self, lease: Lease) -> int:
        """Send one batch and return its number of rows.

        Raises:
            LeaseLost: another process sends; no row was marked.
        """
        if not self._lane.urgent:
            await self._priority.yield_to_urgent()
        rows = await self._db.fetch(self._lane.sql["waiting"], self._sent_up_to, BATCH)
        if not rows:
            if self._sent_up_to:
                self._sent_up_to = 0
                return await self.send_some(lease)
            self._followed = False
            return 0
        batch = _Batch(rows, followed=rows[-1]["followed"])
        try:
            with self._priority.urgent() if self._lane.urgent else nullcontext():
                await self._process(batch, lease)
        finally:
            self._advance(batch)
        return len(batch.rows)

    def _advance(self, batch: "_Batch") -> None:
        """Move the start of the next query past these rows: their dead index entries stay until a vacuum.

        The position is only a hint. After a batch with no rows behind it, and after every tenth, the next query starts
        from the first unsent row again, so that a row that was committed late, queued again or not confirmed does not
        wait behind a whole backlog. Rows that wait for an unavailable topic are skipped too, so that the rows behind
        them do not wait.
        """
        self._full_batches += 1
        self._followed = batch.followed
        again = not batch.followed or self._full_batches % RESTART_BATCHES == 0
        self._sent_up_to = 0 if again else batch.rows[-1]["id"]

    async def _process(self, batch: "_Batch", lease: Lease) -> None:
        try:
            rendered = await self._lane.render(self._db, batch.rows)
        except Poison as error:
            await self._isolate(batch.rows, error, lease)
            return
        batch.keep_first(len(rendered))
        messages = [message for message in rendered if message]
        lease.require()  # an article may have been withdrawn since it was rendered, if the process was frozen
        with send_span(_topic(messages, self._lane.name), [message.traceparent for message in messages]):
            outcomes = iter(await self._producer.send(messages))
        places: list[tuple[Waiting, Sent | None]] = []
        waits = set[str]()
        for row, message in zip(batch.rows, rendered, strict=True):
            match next(outcomes) if message else None:
                case Poison() as unsendable:
                    await self._mark_failed(row, unsendable, lease)
                case Transient() as away:
                    waits.add(str(away))
                case place:
                    places.append((row, place))
        await self._mark(places, lease)
        if waits:
            raise Transient("; ".join(sorted(waits)))

    async def _isolate(self, rows: Sequence[Waiting], error: Poison, lease: Lease) -> None:
        if len(rows) == 1:
            await self._mark_failed(rows[0], error, lease)
        else:
            for row in rows:
                await self._process(_Batch([row], followed=True), lease)

    async def _mark(self, places: Sequence[tuple[Waiting, Sent | None]], lease: Lease) -> None:
        if places:
            await lease.change(
                self._lane.sql["sent"],
                [row["id"] for row, _ in places],
                [place.partition if place else None for _, place in places],
                [place.offset if place else None for _, place in places],
                self._clock.now(),
            )
        skipped = sum(place is None for _, place in places)
        _SENT.labels(self._lane.name).inc(len(places) - skipped)
        _SKIPPED.labels(self._lane.name).inc(skipped)

    async def _mark_failed(self, row: Waiting, error: Poison, lease: Lease) -> None:
        _SET_ASIDE.labels(self._lane.name).inc()
        _log.error("row cannot be sent", lane=self._lane.name, row=row["id"], error=error)
        with lease.fence():
            await self._db.execute(self._lane.sql["set_aside"], row["id"], str(error))
            if self._on_set_aside:
                await self._on_set_aside(self._lane.name, f"row {row['id']}: {error}")

    @property
    def lane(self) -> str:
        """The name of its lane."""
        return self._lane.name

    async def oldest(self) -> datetime | None:
        """Return the queue time of the oldest row that can be sent; None when there is none."""
        depth = await self._db.fetchrow(self._lane.sql["depth"])
        return depth["oldest"] if depth else None

    async def measure(self) -> None:
        """Update the metrics of the unsent rows."""
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
