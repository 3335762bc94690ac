"""Sends what an outbox holds. One relay of a lane is at work at a time, whoever holds the lane's lock.

A commit in the same process wakes it; rows of other processes are found by looking. A row is marked after the
broker has confirmed it, so after a crash some are sent twice and none is lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg
import structlog

from clawback_common.bus.envelope import Message
from clawback_common.bus.producer import Producer, Sent
from clawback_common.clock import Clock
from clawback_common.db import Database, Querier
from clawback_common.errors import Poison, Transient
from clawback_common.process import Stopping
from clawback_common.telemetry import counter, gauge
from clawback_common.telemetry.tracing import send_span

Waiting: TypeAlias = asyncpg.Record
Rendered: TypeAlias = Message | None
Render: TypeAlias = Callable[[Querier, Sequence[Waiting]], Awaitable[Sequence[Rendered]]]

BATCH = 500
LOOK_S = 0.1
"""How long a row of another process may wait to be found."""
LOOK_S_MAX = 0.4
KEPT = timedelta(days=30)
"""Sent rows stay this long: they say who was given what."""

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
    lock: int
    """Of PostgreSQL's advisory locks, one a lane."""


class Relay:
    """Runs in a worker until told to stop; ``wake`` says that there is something to send."""

    def __init__(
        self,
        lane: Lane,
        db: Database,
        producer: Producer,
        clock: Clock,
        on_set_aside: Callable[[str, str], Awaitable[None]] | None = None,
    ) -> None:
        self._lane = lane
        self._db = db
        self._producer = producer
        self._clock = clock
        self._on_set_aside = on_set_aside
        self._woken = asyncio.Event()
        self._sent_up_to = 0

    def wake(self) -> None:
        """Something was committed."""
        self._woken.set()

    async def run(self, stop: Stopping) -> None:
        """Sends until ``stop`` is set and what was committed before has gone out."""
        while True:
            try:
                async with self._db.session() as connection:
                    if await connection.fetchval("SELECT pg_try_advisory_lock($1)", self._lane.lock):
                        try:
                            await self._lead(stop, connection)
                        finally:
                            await _unlock(connection, self._lane.lock)
            except Transient as error:
                _log.warning("relay waits", lane=self._lane.name, error=error)
            if stop.is_set():
                return
            await stop.sleep(1.0)

    async def _lead(self, stop: Stopping, connection: Any) -> None:
        idle_s = LOOK_S
        while not connection.is_closed():
            stopping = stop.is_set()
            self._woken.clear()
            moved = await self.send_some()
            if moved:
                idle_s = LOOK_S
            elif stopping:
                return
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), idle_s)
                idle_s = min(idle_s * 1.5, LOOK_S_MAX)

    async def send_some(self) -> int:
        """Sends one batch; gives how many rows it dealt with."""
        # Past the rows just sent lie dead index entries until a vacuum; skipping them is only a hint, and every
        # batch that is not full starts from the beginning again, so that a row committed late is never passed over.
        rows = await self._db.fetch(self._lane.sql["waiting"], self._sent_up_to, BATCH)
        if not rows:
            if self._sent_up_to:
                self._sent_up_to = 0
                return await self.send_some()
            return 0
        try:
            await self._deal_with(rows)
        finally:
            # Also when some wait for what is away: those behind them must not.
            self._sent_up_to = rows[-1]["id"] if len(rows) == BATCH else 0
        return len(rows)

    async def _deal_with(self, rows: Sequence[Waiting]) -> None:
        try:
            rendered = await self._lane.render(self._db, rows)
        except Poison as error:
            await self._alone_or_aside(rows, error)
            return
        messages = [message for message in rendered if message]
        with send_span(_topic(messages, self._lane.name), [message.traceparent for message in messages]):
            outcomes = iter(await self._producer.send(messages))
        places: list[tuple[Waiting, Sent | None]] = []
        waits = set[str]()
        for row, message in zip(rows, rendered, strict=True):
            match next(outcomes) if message else None:
                case Poison() as unsendable:
                    await self._set_aside(row, unsendable)
                case Transient() as away:
                    waits.add(str(away))
                case place:
                    places.append((row, place))
        await self._mark(places)
        if waits:
            raise Transient("; ".join(sorted(waits)))

    async def _alone_or_aside(self, rows: Sequence[Waiting], error: Poison) -> None:
        if len(rows) == 1:
            await self._set_aside(rows[0], error)
        else:
            for row in rows:
                await self._deal_with([row])

    async def _mark(self, places: Sequence[tuple[Waiting, Sent | None]]) -> None:
        await self._db.execute(
            self._lane.sql["sent"],
            [row["id"] for row, _ in places],
            [place.partition if place else None for _, place in places],
            [place.offset if place else None for _, place in places],
            self._clock.now(),
        )
        skipped = sum(place is None for _, place in places)
        _SENT.labels(self._lane.name).inc(len(places) - skipped)
        _SKIPPED.labels(self._lane.name).inc(skipped)

    async def _set_aside(self, row: Waiting, error: Poison) -> None:
        _SET_ASIDE.labels(self._lane.name).inc()
        _log.error("row cannot be sent", lane=self._lane.name, row=row["id"], error=error)
        await self._db.execute(self._lane.sql["set_aside"], row["id"], str(error))
        if self._on_set_aside:
            await self._on_set_aside(self._lane.name, f"row {row['id']}: {error}")

    async def tidy(self) -> None:
        """Measures what waits, and deletes old sent rows in slices."""
        depth = await self._db.fetchrow(self._lane.sql["depth"])
        now = self._clock.now()
        if depth is not None:
            _WAITING.labels(self._lane.name).set(depth["waiting"])
            _AGE.labels(self._lane.name).set(
                (now - depth["oldest"]).total_seconds() if depth["oldest"] else 0
            )
        while (await self._db.execute(self._lane.sql["purge"], now - KEPT, 5_000)).endswith(" 5000"):
            pass


def _topic(messages: Sequence[Message], lane: str) -> str:
    topics = {message.topic for message in messages}
    return topics.pop() if len(topics) == 1 else lane


async def _unlock(connection: Any, lock: int) -> None:
    with suppress(Exception):  # a lost connection has lost its lock already
        await connection.execute("SELECT pg_advisory_unlock($1)", lock)
