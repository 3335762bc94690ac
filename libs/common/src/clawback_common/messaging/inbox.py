"""The inbox: processes an event that is not idempotent once, however often it is delivered."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from clawback_common.postgres import Queries, Transaction

SQL = Queries.load(__package__, "inbox")


EventKey: TypeAlias = tuple[str, str]
"""Sender and event id. Equal event ids of two senders are different events."""


async def take(tx: Transaction, consumer: str, events: Sequence[EventKey], now: datetime) -> set[EventKey]:
    """Record the events in this transaction; return those that are new to the consumer and must be processed."""
    sources, ids = [source for source, _ in events], [event_id for _, event_id in events]
    rows = await tx.fetch(SQL["take"], consumer, sources, ids, now)
    return {(row["source"], row["event_id"]) for row in rows}
