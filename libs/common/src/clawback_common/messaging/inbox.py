"""The inbox: an effect that is no fold by key happens once an event id, however often the event arrives."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from clawback_common.postgres import Queries, Transaction

SQL = Queries.load(__package__, "inbox")


EventKey: TypeAlias = tuple[str, str]
"""Who sent it, and its id: another sender's event with the same id is another event."""


async def take(tx: Transaction, consumer: str, events: Sequence[EventKey], now: datetime) -> set[EventKey]:
    """Notes the events in this transaction. Gives those that are new to the consumer: act on these alone."""
    sources, ids = [source for source, _ in events], [event_id for _, event_id in events]
    rows = await tx.fetch(SQL["take"], consumer, sources, ids, now)
    return {(row["source"], row["event_id"]) for row in rows}
