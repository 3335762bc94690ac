"""Facet rows. They are locked before all other rows, in the order of their ids.

Each function that changes rows returns what they were counted under before.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from analytics.domain.facets import ArticleFacts, Facets
from analytics.domain.filters import CountFilter
from clawback_common.postgres import Querier, Queries, Transaction, estimates
from clawback_common.postgres.pool import Row
from clawback_common.retention.floor import require_not_in_future
from clawback_common.retention.holds import SweepLimit
from clawback_contracts.revocation.folding import Folded, OrderHead, Status

SQL = Queries.load(__package__, "facets")


class Accepted(NamedTuple):
    """A row that was updated with an article."""

    article_id: str
    withheld: bool
    before: Facets | None
    """What it was counted under before."""


class Changed(NamedTuple):
    """A row that was changed by an order."""

    article_id: str
    before: Facets
    after: Facets | None
    """None: it holds nothing any more."""


async def save_accepted(
    tx: Transaction, batch: Sequence[ArticleFacts], numbered: Sequence[Facets]
) -> list[Accepted]:
    """Saves the articles that are accepted; the decision is made under the rows' locks.

    Args:
        tx: the transaction.
        batch: the articles, each id once, sorted by id.
        numbered: the facets of each, in the same order.

    Returns:
        The rows of the accepted articles.
    """
    rows = await tx.fetch(
        SQL["save_accepted"],
        [one.article_id for one in batch],
        [one.version for one in batch],
        [one.after_order for one in batch],
        [one.retention_date for one in batch],
        [facets.published_at for facets in numbered],
        [facets.filter_key_id for facets in numbered],
        [facets.words for facets in numbered],
        [f"{{{','.join(map(str, facets.value_ids))}}}" for facets in numbered],
    )
    return [Accepted(row[0], row[1], _before(row, withheld=row[2])) for row in rows]


async def too_old(tx: Transaction, dates: Sequence[datetime]) -> int:
    """Returns how many of these dates are before the retention floor."""
    return int(await tx.fetchval(SQL["too_old"], dates))


async def lock_or_create(tx: Transaction, article_ids: Sequence[str]) -> dict[str, OrderHead]:
    """Locks the rows of these ids, which are sorted; creates the missing ones."""
    await tx.execute(SQL["lock_or_create"], article_ids)
    return {
        r["article_id"]: OrderHead(
            r["article_id"], r["order_no"], Status(r["status"]), r["revocation_id"], r["ever_held"]
        )
        for r in await tx.fetch(SQL["heads"], article_ids)
    }


async def apply_orders(tx: Transaction, folded: Sequence[Folded]) -> list[Changed]:
    """Saves the results of orders to locked rows.

    Returns:
        The changed rows, with what they were and are counted under.
    """
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


async def mark_unconfirmed(tx: Transaction, article_ids: Sequence[str]) -> list[Changed]:
    """Withholds the articles of locked rows until compliance has confirmed their orders."""
    return _changed(await tx.fetch(SQL["mark_unconfirmed"], article_ids))


async def confirm(tx: Transaction, article_id: str) -> list[Changed]:
    """Ends the effect of ``mark_unconfirmed``."""
    return _changed(await tx.fetch(SQL["confirm"], [article_id]))


def _changed(rows: Sequence[Row]) -> list[Changed]:
    return [
        Changed(
            row["article_id"], before, None if row["emptied"] else before._replace(withheld=row["withheld"])
        )
        for row in rows
        if (before := _before(row, withheld=row["withheld_before"]))
    ]


async def withhold(tx: Transaction, article_ids: Sequence[str]) -> list[Facets]:
    """Withholds articles until a person has closed their incident.

    Returns:
        What they were counted under.
    """
    rows = await tx.fetch(SQL["withhold"], article_ids)
    return [before for row in rows if not row["withheld"] and (before := _before(row, withheld=False))]


async def revoked(db: Querier, article_ids: Sequence[str]) -> set[str]:
    """Returns those of the ids that are revoked."""
    return {row["article_id"] for row in await db.fetch(SQL["revoked"], article_ids)}


async def release(tx: Transaction, article_id: str) -> Facets | None:
    """Ends the effect of ``withhold``.

    Returns:
        What the article is counted under again, or None if it is still not counted.
    """
    row = await tx.fetchrow(SQL["release"], article_id)
    return _before(row, withheld=False) if row and not row["withheld"] else None


async def recent(db: Querier, filters: CountFilter, after: tuple[datetime, str], limit: int) -> list[Row]:
    """Returns the counted articles that were published last, before this time and id."""
    period, *others = filters
    return await db.fetch(SQL["recent"], *period, *others, *after, limit)


async def held(db: Querier, article_ids: Sequence[str]) -> list[Row]:
    """Returns whether anything of each id is held, and the last applied order."""
    return await db.fetch(SQL["held"], article_ids)


async def floor(db: Querier) -> datetime | None:
    """Returns the retention floor: articles dated before it are rejected. None: nothing was ever swept."""
    found: datetime | None = await db.fetchval(SQL["floor"])
    return found


async def lower_floor(db: Querier, to: datetime) -> bool:
    """Lowers the floor, to correct a mistake. False: it was not higher."""
    return await db.fetchval(SQL["lower_floor"], to) is not None


async def raise_floor(db: Querier, before: datetime, now: datetime) -> None:
    """Raises the floor, at most to now. Transactions that are already running may still save older articles.

    Raises:
        Poison: ``floor_in_future``.
    """
    require_not_in_future(before, now)
    await db.execute(SQL["raise_floor"], before)


async def old(db: Querier, limit: SweepLimit) -> tuple[int, int]:
    """Returns how many articles are older, and how many of these are under a legal hold."""
    row = await db.fetchrow(SQL["old"], *limit.parameters)
    return (row["found"], row["held"]) if row else (0, 0)


async def empty_old(tx: Transaction, limit: SweepLimit, rows_max: int) -> list[Facets]:
    """Empties up to `rows_max` older rows that are not under a legal hold.

    Returns:
        What they were counted under.
    """
    taken = await tx.fetch(SQL["lock_old"], *limit.parameters, rows_max)
    rows = await tx.fetch(SQL["empty_locked"], [row["article_id"] for row in taken], limit.before)
    return [found for row in rows if (found := _before(row, withheld=row["withheld"]))]


async def counts(db: Querier) -> dict[str, int]:
    """Counts articles by state (counted, withheld, revoked).

    Exact for a small table, otherwise PostgreSQL's estimates.
    """
    if not await estimates.is_small(db, "facet"):
        found = await estimates.rows(db, ("facet_retention_date", "facet_withheld", "facet_revoked"))
        withheld = found["facet_withheld"]
        return {
            "counted": max(0, found["facet_retention_date"] - withheld),
            "withheld": withheld,
            "revoked": found["facet_revoked"],
        }
    row = await db.fetchrow(SQL["counts"])
    return dict(row) if row else {}


def _before(row: Row, *, withheld: bool) -> Facets | None:
    published_at = row["published_at"]
    if published_at is None:
        return None
    return Facets(published_at, row["filter_key_id"], row["words"], row["value_ids"], withheld)
