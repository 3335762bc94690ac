"""Incidents: problems that no retry solves. Each stays open until a person closes it, with a name and a note."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "incidents")


async def open_all(
    tx: Transaction, kind: str, incidents: Sequence[tuple[UUID, str | None, str]], now: datetime
) -> None:
    """Open incidents (id, subject, detail without content); one that exists stays unchanged."""
    ids, subjects, details = zip(*incidents, strict=True) if incidents else ((), (), ())
    await tx.execute(SQL["open"], list(ids), kind, list(subjects), list(details), now)


async def open_for_unreadable(
    tx: Transaction, bad: Sequence[Bad], now: datetime, *, kind: str = "unreadable_record"
) -> None:
    """Open an incident for each record that was quarantined, with the id of its quarantine row."""
    await open_all(
        tx,
        kind,
        [(b.id, b.subject, f"{b.topic}-{b.partition} offset {b.offset}: {b.error.reason}") for b in bad],
        now,
    )


async def close(tx: Transaction, incident_id: UUID, by: str, note: str, now: datetime) -> Row | None:
    """Close an incident and return it; return None when there is no such open incident."""
    return await tx.fetchrow(SQL["close"], incident_id, now, by, note)


async def page(db: Querier, *, closed_too: bool, before: datetime, before_id: UUID, limit: int) -> list[Row]:
    """Return incidents, newest first, before a position in that order."""
    return await db.fetch(SQL["page"], closed_too, before, before_id, limit)


async def open_count(db: Querier) -> int:
    """Return the number of open incidents."""
    return int(await db.fetchval(SQL["open_count"]))
