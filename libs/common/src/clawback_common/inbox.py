"""The inbox: an effect that is no fold by key happens once an event id, however often the event arrives."""

from collections.abc import Sequence
from datetime import datetime

from clawback_common.db import Queries, Transaction

SQL = Queries.load(__package__, "inbox")


async def take(tx: Transaction, consumer: str, event_ids: Sequence[str], now: datetime) -> set[str]:
    """Notes the ids in this transaction. Gives those that are new to the consumer: act on these alone."""
    rows = await tx.fetch(SQL["take"], consumer, event_ids, now)
    return {row["event_id"] for row in rows}


async def purge(tx: Transaction, before: datetime, rows_max: int = 5_000) -> int:
    """Forgets a slice of what is older than the topic's retention and a day. Gives how many."""
    return int((await tx.execute(SQL["purge"], before, rows_max)).rsplit(" ", 1)[-1])
