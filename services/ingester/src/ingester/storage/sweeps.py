"""Queries of a sweep of articles, step by step."""

from collections.abc import Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.retention.floor import require_not_in_future
from clawback_common.retention.holds import LegalHolds, SweepLimit

SQL = Queries.load(__package__, "sweeps")
SLICE = 1_000
"""Rows per transaction."""
REOPENED_MAX = 10_000
"""Identity rows checked per statement."""
Place = tuple[datetime, str]
"""The key of a document: its retention date and its id."""


async def retention_floor(db: Querier) -> datetime | None:
    """Returns the date before which articles are refused; None: nothing was ever swept."""
    found: datetime | None = await db.fetchval(SQL["retention_floor"])
    return found


async def raise_floor(db: Querier, retention_date: datetime, now: datetime) -> None:
    """Raises the retention floor; never lowers it, and never beyond now.

    Raises:
        Poison: ``floor_in_future``.
    """
    require_not_in_future(retention_date, now)
    await db.execute(SQL["raise_floor"], retention_date, now)


async def lower_floor(db: Querier, to: datetime) -> bool:
    """Lowers the retention floor, to correct a mistake. False: it was not higher."""
    return await db.fetchval(SQL["lower_floor"], to) is not None


async def reopen(db: Querier, since: datetime, after: str) -> tuple[int, str | None]:
    """Reopens a slice of ids after this one whose documents were swept: the next delivery counts as newer.

    Returns:
        How many, and the last id that was checked; None: there are no more.
    """
    row = await db.fetchrow(SQL["reopen"], since, after, REOPENED_MAX)
    return (row["reopened"], row["last"]) if row else (0, None)


async def tally(db: Querier, limit: SweepLimit) -> tuple[int, int]:
    """Returns the number of old documents, and how many of them are held."""
    row = await db.fetchrow(SQL["tally"], *limit.parameters)
    return (row["found"], row["held"]) if row else (0, 0)


async def count_retained(db: Querier, before: datetime) -> int:
    """Returns the number of old identity rows that sweeps keep."""
    return int(await db.fetchval(SQL["count_retained"], before))


async def held_in(
    db: Querier, start: datetime, end: datetime, after: Place | None, held: LegalHolds
) -> list[Place]:
    """Returns a slice of the held documents of a time span, after a key."""
    at, article_id = after or (start, "")
    rows = await db.fetch(SQL["held_in"], start, end, at, article_id, held.ids, held.spans, SLICE)
    return [(row["retention_date"], row["article_id"]) for row in rows]


async def hold(tx: Transaction, places: Sequence[Place], now: datetime) -> None:
    """Copies documents to the table of held ones, which stays when a month is deleted; skips revoked articles."""
    dates, ids = [place[0] for place in places], [place[1] for place in places]
    await tx.execute(SQL["lock"], ids)
    await tx.execute(SQL["hold"], dates, ids, now)


async def count_month(tx: Transaction, start: datetime, end: datetime) -> tuple[int, int]:
    """Returns the number of documents of a month, and how many of them are also in the table of held ones."""
    row = await tx.fetchrow(SQL["count_month"], start, end)
    return (row["found"], row["held"]) if row else (0, 0)


async def remove(tx: Transaction, limit: SweepLimit) -> tuple[int, int]:
    """Deletes a slice of old documents in a month that is kept. Returns how many, and how many were copied as held."""
    rows = await tx.fetch(SQL["old"], *limit.parameters, SLICE)
    ids = [row["article_id"] for row in rows]
    await tx.execute(SQL["lock"], ids)
    await tx.execute(SQL["remove"], [row["retention_date"] for row in rows], ids)
    return len(rows), sum(row["held"] for row in rows)


async def delete_released(tx: Transaction, limit: SweepLimit) -> int:
    """Deletes a slice of documents whose hold has ended. Returns how many."""
    return _count(await tx.execute(SQL["delete_released"], *limit.parameters, SLICE))


async def delete_ids(tx: Transaction, limit: SweepLimit) -> int:
    """Deletes a slice of identity rows that are not kept. Returns how many."""
    return _count(await tx.execute(SQL["delete_ids"], *limit.parameters, SLICE))


async def delete_quarantined(tx: Transaction, limit: SweepLimit) -> int:
    """Deletes a slice of old quarantine records. Returns how many."""
    return _count(await tx.execute(SQL["delete_quarantined"], *limit.parameters, SLICE))


def _count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[-1])
