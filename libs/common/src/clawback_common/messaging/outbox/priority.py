"""The lane that must not wait: notices, orders, receipts, alerts, dead letters."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from clawback_common.kafka.envelope import Message
from clawback_common.messaging.outbox import lost_log
from clawback_common.messaging.outbox.lost_log import Log
from clawback_common.messaging.outbox.relay import Lane, Rendered, Waiting
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.rows import columns

SQL = Queries.load(__package__, "priority")


class PriorityOutbox:
    """Stores messages in a transaction and wakes the relay after the commit."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self.wake = wake or _nobody

    async def put(self, tx: Transaction, messages: Sequence[Message], *, again: bool = False) -> None:
        """Queue messages. One that is already queued or sent stays unchanged, or with ``again`` is sent once more."""
        if not messages:
            return
        # Every writer locks the rows in the same order, so that two of them cannot deadlock.
        rows = sorted({m.event_id: m for m in messages}.values(), key=lambda m: m.event_id)
        await tx.execute(
            SQL["put"],
            *columns(rows, "event_id topic key type value traceparent at"),
            again,
        )
        tx.on_commit(self.wake)


async def send_lost_again(db: Database, log: Log, now: datetime, kept: timedelta) -> bool:
    """Queue again what was sent within the topic's retention time, if the log is lost.

    A receiver that has processed a message ignores it by its number or id. A receiver whose database was restored too
    gets the messages that it has lost.
    """
    return await lost_log.send_again(db, SQL, log, now, log.topic, now - kept)


def _nobody() -> None:
    """Do nothing: an API process has no relay, and the worker's relay finds the row by polling."""


async def render(_: Querier, rows: Sequence[Waiting]) -> list[Rendered]:
    """Return the rows as messages: a row contains the complete message."""
    return [
        Message(r["event_id"], r["topic"], r["key"], r["type"], r["value"], r["queued_at"], r["traceparent"])
        for r in rows
    ]


LANE = Lane("priority", SQL, render, urgent=True)
