"""What a sweep of articles does to the tables, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.retention.floor import require_not_in_future
from clawback_common.retention.holds import Held

SQL = Queries.load(__package__, "sweeps")
SLICE = 1_000
"""Rows a transaction."""
REOPENED_MAX = 10_000
"""Identity rows looked at in one statement."""
Place = tuple[datetime, str]
"""When a document dates from, and its id: its key."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a sweep takes: all that dates from before, unless it is held."""

    before: datetime
    held: Held

    @property
    def arrays(self) -> tuple[object, ...]:
        """For the queries: the limit, held ids, beginnings and ends of held spans."""
        return (self.before, self.held.ids, self.held.froms, self.held.untils)


async def retention_floor(db: Querier) -> datetime | None:
    """What dates from before is refused; None: nothing was ever swept."""
    found: datetime | None = await db.fetchval(SQL["retention_floor"])
    return found


async def raise_floor(db: Querier, kept_from: datetime, now: datetime) -> None:
    """It only rises, and never beyond now.

    Raises:
        Poison: ``floor_in_future``.
    """
    require_not_in_future(kept_from, now)
    await db.execute(SQL["raise_floor"], kept_from, now)


async def lower_floor(db: Querier, to: datetime) -> bool:
    """For a person who repairs a mistake. False: it was not higher."""
    return await db.fetchval(SQL["lower_floor"], to) is not None


async def reopen(db: Querier, since: datetime, after: str) -> tuple[int, str | None]:
    """A slice of the ids behind this one whose text a sweep removed: the next delivery counts as newer.

    Gives how many, and the last id that was looked at; None: there are no more.
    """
    row = await db.fetchrow(SQL["reopen"], since, after, REOPENED_MAX)
    return (row["reopened"], row["last"]) if row else (0, None)


async def tally(db: Querier, limit: Limit) -> tuple[int, int]:
    """Old documents, and how many of these are held."""
    row = await db.fetchrow(SQL["tally"], *limit.arrays)
    return (row["found"], row["held"]) if row else (0, 0)


async def count_retained(db: Querier, before: datetime) -> int:
    """Old identity rows that no sweep takes."""
    return int(await db.fetchval(SQL["count_retained"], before))


async def held_in(
    db: Querier, start: datetime, end: datetime, after: Place | None, held: Held
) -> list[Place]:
    """A slice of the documents of a span that are held, behind a place."""
    at, article_id = after or (start, "")
    rows = await db.fetch(
        SQL["held_in"], start, end, at, article_id, held.ids, held.froms, held.untils, SLICE
    )
    return [(row["kept_from"], row["article_id"]) for row in rows]


async def hold(tx: Transaction, places: Sequence[Place], now: datetime) -> None:
    """Copies documents to where their month does not take them along; what is revoked is not copied."""
    dates, ids = [place[0] for place in places], [place[1] for place in places]
    await tx.execute(SQL["lock"], ids)
    await tx.execute(SQL["hold"], dates, ids, now)


async def count_month(tx: Transaction, start: datetime, end: datetime) -> tuple[int, int]:
    """Documents of a month, and how many of these are held apart as well."""
    row = await tx.fetchrow(SQL["count_month"], start, end)
    return (row["found"], row["held"]) if row else (0, 0)


async def remove(tx: Transaction, limit: Limit) -> tuple[int, int]:
    """A slice of the old documents that lie in a month which stays. Gives how many, and how many are held apart."""
    rows = await tx.fetch(SQL["old"], *limit.arrays, SLICE)
    ids = [row["article_id"] for row in rows]
    await tx.execute(SQL["lock"], ids)
    await tx.execute(SQL["remove"], [row["kept_from"] for row in rows], ids)
    return len(rows), sum(row["held"] for row in rows)


async def delete_released(tx: Transaction, limit: Limit) -> int:
    """A slice of the documents that were held, and are so no longer. Gives how many."""
    return _count(await tx.execute(SQL["delete_released"], *limit.arrays, SLICE))


async def delete_ids(tx: Transaction, limit: Limit) -> int:
    """A slice of identity rows that need not outlive their text. Gives how many."""
    return _count(await tx.execute(SQL["delete_ids"], *limit.arrays, SLICE))


async def delete_quarantined(tx: Transaction, limit: Limit) -> int:
    """A slice of old records of the quarantine. Gives how many."""
    return _count(await tx.execute(SQL["delete_quarantined"], *limit.arrays, SLICE))


def _count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[-1])
