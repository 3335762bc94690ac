"""Facet rows: taken before anything else, in the order of their ids. Each function gives what was counted before."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from analytics.domain.facets import ArticleFacts, Facets
from clawback_common.postgres import Querier, Queries, Transaction, estimates
from clawback_common.postgres.pool import Row
from clawback_common.retention import LegalHolds
from clawback_common.retention.floor import require_not_in_future
from clawback_contracts.revocation.folding import Folded, OrderHead, Status

SQL = Queries.load(__package__, "facets")


class Taken(NamedTuple):
    """A row that has let an article in."""

    article_id: str
    withheld: bool
    before: Facets | None
    """By what it was counted until now."""


class Changed(NamedTuple):
    """A row that an order has changed."""

    article_id: str
    before: Facets
    after: Facets | None
    """None: nothing is left of it."""


async def take(tx: Transaction, batch: Sequence[ArticleFacts], numbered: Sequence[Facets]) -> list[Taken]:
    """Lets in what may be let in, under the rows' locks. The batch has each id once, sorted.

    Args:
        tx: the transaction.
        batch: the articles.
        numbered: the facets of each, in the same order.
    """
    rows = await tx.fetch(
        SQL["take"],
        [one.article_id for one in batch],
        [one.version for one in batch],
        [one.after_order for one in batch],
        [one.kept_from for one in batch],
        [facets.day for facets in numbered],
        [facets.cell_id for facets in numbered],
        [facets.words for facets in numbered],
        [facets.source_id for facets in numbered],
        [f"{{{','.join(map(str, facets.topic_ids))}}}" for facets in numbered],
    )
    return [Taken(row[0], row[1], _before(row, withheld=row[2])) for row in rows]


async def too_old(tx: Transaction, dates: Sequence[datetime]) -> int:
    """How many of these lie below the floor."""
    return int(await tx.fetchval(SQL["too_old"], dates))


async def lock_or_create(tx: Transaction, article_ids: Sequence[str]) -> dict[str, OrderHead]:
    """Locks the rows of these ids, sorted, until the transaction ends; makes those that are missing."""
    await tx.execute(SQL["lock_or_create"], article_ids)
    return {
        r["article_id"]: OrderHead(
            r["article_id"], r["order_no"], Status(r["status"]), r["revocation_id"], r["ever_held"]
        )
        for r in await tx.fetch(SQL["heads"], article_ids)
    }


async def apply_orders(tx: Transaction, folded: Sequence[Folded]) -> list[Changed]:
    """Writes what orders made of locked rows. Gives how what is counted changes."""
    if not folded:
        return []
    rows = await tx.fetch(
        SQL["apply_orders"],
        [one.after.article_id for one in folded],
        [one.after.order_no for one in folded],
        [one.after.status for one in folded],
        [one.after.revocation_id for one in folded],
        [one.removes for one in folded],
    )
    return _changed(rows)


async def doubt(tx: Transaction, article_ids: Sequence[str]) -> list[Changed]:
    """Holds locked rows back from counting until compliance was asked for their orders."""
    return _changed(await tx.fetch(SQL["doubt"], article_ids))


async def believe(tx: Transaction, article_id: str) -> list[Changed]:
    """Ends what ``doubt`` did."""
    return _changed(await tx.fetch(SQL["believe"], [article_id]))


def _changed(rows: Sequence[Row]) -> list[Changed]:
    return [
        Changed(
            row["article_id"], before, None if row["emptied"] else before._replace(withheld=row["withheld"])
        )
        for row in rows
        if (before := _before(row, withheld=row["withheld_before"]))
    ]


async def withhold(tx: Transaction, article_ids: Sequence[str]) -> list[Facets]:
    """Holds them back from counting until a person has looked. Gives by what they were counted."""
    rows = await tx.fetch(SQL["withhold"], article_ids)
    return [before for row in rows if not row["withheld"] and (before := _before(row, withheld=False))]


async def revoked(db: Querier, article_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are revoked."""
    return {row["article_id"] for row in await db.fetch(SQL["revoked"], article_ids)}


async def release(tx: Transaction, article_id: str) -> Facets | None:
    """Lifts what ``withhold`` did. Gives by what it is counted again, or None where it is not."""
    row = await tx.fetchrow(SQL["release"], article_id)
    return _before(row, withheld=False) if row and not row["withheld"] else None


async def held(db: Querier, article_ids: Sequence[str]) -> tuple[set[str], dict[str, int]]:
    """The ids of which anything is held; and the last order applied to each that has one."""
    rows = await db.fetch(SQL["held"], article_ids)
    return (
        {row["article_id"] for row in rows if row["held"]},
        {row["article_id"]: row["order_no"] for row in rows if row["order_no"]},
    )


async def floor(db: Querier) -> datetime | None:
    """What dates from before is refused; None: nothing was ever swept."""
    found: datetime | None = await db.fetchval(SQL["floor"])
    return found


async def lower_floor(db: Querier, to: datetime) -> bool:
    """For a person who repairs a mistake. False: it was not higher."""
    return await db.fetchval(SQL["lower_floor"], to) is not None


async def raise_floor(db: Querier, before: datetime, now: datetime) -> None:
    """Lets in nothing older; but for those who are letting in just now. Never beyond now.

    Raises:
        Poison: ``floor_in_future``.
    """
    require_not_in_future(before, now)
    await db.execute(SQL["raise_floor"], before)


async def old(db: Querier, before: datetime, spared: LegalHolds) -> tuple[int, int]:
    """How many are older, and how many of these a hold spares."""
    row = await db.fetchrow(SQL["old"], before, spared.ids, spared.froms, spared.untils)
    return (row["found"], row["held"]) if row else (0, 0)


async def empty_old(tx: Transaction, before: datetime, spared: LegalHolds, rows_max: int) -> list[Facets]:
    """Takes so many of what is older and not spared. Gives by what they were counted."""
    taken = await tx.fetch(SQL["take_old"], before, spared.ids, spared.froms, spared.untils, rows_max)
    rows = await tx.fetch(SQL["empty"], [row["article_id"] for row in taken], before)
    return [found for row in rows if (found := _before(row, withheld=row["withheld"]))]


async def counts(db: Querier) -> dict[str, int]:
    """Articles by state (counted, withheld, revoked): exact while the table is small, then PostgreSQL's estimates."""
    if not await estimates.is_small(db, "facet"):
        found = await estimates.rows(db, ("facet_kept_from", "facet_withheld", "facet_revoked"))
        withheld = found["facet_withheld"]
        return {
            "counted": max(0, found["facet_kept_from"] - withheld),
            "withheld": withheld,
            "revoked": found["facet_revoked"],
        }
    row = await db.fetchrow(SQL["counts"])
    return dict(row) if row else {}


def _before(row: Row, *, withheld: bool) -> Facets | None:
    day = row["day"]
    if day is None:
        return None
    return Facets(
        day, row["cell_id"], row["words"], row["source_id"], tuple(row["topic_ids"] or ()), withheld
    )
