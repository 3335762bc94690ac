"""The lane that must not wait: notices, orders, receipts, alerts, dead letters."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from clawback_common.kafka.envelope import Message
from clawback_common.messaging.outbox import lost_log
from clawback_common.messaging.outbox.lost_log import Log
from clawback_common.messaging.outbox.relay import Lane, Rendered, Waiting
from clawback_common.postgres import Database, Querier, Queries, Transaction

SQL = Queries.load(__package__, "orders")


class OrdersOutbox:
    """Takes messages into a transaction; the relay is woken when it commits."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self.wake = wake or _nobody

    async def put(self, tx: Transaction, messages: Sequence[Message], *, again: bool = False) -> None:
        """Queues messages. One that is queued or sent already stays as it is, or with ``again`` is sent anew."""
        if not messages:
            return
        # The rows are taken in one order by every writer, or two of them could wait for one another.
        rows = sorted({m.event_id: m for m in messages}.values(), key=lambda m: m.event_id)
        await tx.execute(
            SQL["put"],
            [m.event_id for m in rows],
            [m.topic for m in rows],
            [m.key for m in rows],
            [m.type for m in rows],
            [m.value for m in rows],
            [m.traceparent for m in rows],
            [m.at for m in rows],
            again,
        )
        tx.on_commit(self.wake)


async def send_lost_again(db: Database, log: Log, now: datetime, kept: timedelta) -> bool:
    """Queues again what was sent within the time that the topic keeps records, if the log that has it is gone.

    Who has read it folds it once more, or knows its identity. Whose database was restored too has forgotten it, and
    learns it so.
    """
    return await lost_log.send_again(db, SQL, log, now, log.topic, now - kept)


def _nobody() -> None:
    """An API process has no relay; the worker's finds the row by itself."""


async def render(_: Querier, rows: Sequence[Waiting]) -> list[Rendered]:
    """A row is the message."""
    return [
        Message(r["event_id"], r["topic"], r["key"], r["type"], r["value"], r["queued_at"], r["traceparent"])
        for r in rows
    ]


LANE = Lane("orders", SQL, render, urgent=True)
