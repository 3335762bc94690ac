"""The counts.

Every transaction locks in this order: facets, rollup rows, values, and the version of the counts last. What is deleted
afterwards is already locked by then, or was created by the transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from analytics.domain.counting import Change, Delta
from analytics.domain.dimensions import TOTAL, Dimension
from analytics.storage.values import SQL as VALUES
from clawback_common.errors import Conflict
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "rollups")


class CountFilter(NamedTuple):
    """The filter of a query."""

    since: date
    until: date
    """Inclusive."""
    language: str | None
    source: str | None
    licence: str | None
    limit: int


class Counted(NamedTuple):
    """One row of an answer."""

    key: int | date
    """The id of a value, or a day."""
    articles: int
    words: int


async def apply(tx: Transaction, delta: Delta, made: Sequence[int] = ()) -> None:
    """Changes the counts, and deletes values under which nothing is counted any more.

    Args:
        tx: the transaction that locked the facets.
        delta: the changes.
        made: values that this transaction created, used or not.

    Raises:
        Conflict: a value was deleted meanwhile; look the values up again.
    """
    changes, withheld_refs = delta.changes, delta.withheld_refs
    emptied = await _count(tx, changes, withheld_refs) if changes or withheld_refs else []
    if emptied:
        await tx.execute(
            SQL["delete_emptied"],
            [row["dimension"] for row in emptied],
            [row["day"] for row in emptied],
            [row["filter_key_id"] for row in emptied],
            [row["value_id"] for row in emptied],
        )
    unneeded = (
        {row["value_id"] for row in emptied}
        | {value for value, by in withheld_refs.items() if by < 0}
        | ({*made} - {value for _, _, value, _, _ in changes} - withheld_refs.keys())
    )
    if unneeded:
        await tx.execute(VALUES["delete_unreferenced"], sorted(unneeded))


async def _count(tx: Transaction, changes: Sequence[Change], withheld_refs: Mapping[int, int]) -> list[Row]:
    """Changes the rollup rows and the reference counts of values.

    Returns:
        The rows whose count is now 0.
    """
    columns = zip(*changes, strict=True) if changes else [()] * 5
    rows = await tx.fetch(SQL["add"], *columns, list(withheld_refs), list(withheld_refs.values()))
    if rows[0]["deleted"]:
        raise Conflict("a value was deleted meanwhile")
    return [row for row in rows if row["value_id"] is not None]


async def cache_version(db: Querier) -> UUID:
    """Returns the version of the counts. Every change of a count creates a new one."""
    found: UUID = await db.fetchval(SQL["cache_version"])
    return found


async def values(
    db: Querier, dimension: Dimension, filters: CountFilter, after: Counted | None = None
) -> list[Counted]:
    """Returns the dimension's values with the most articles, after the row `after` if given."""
    place = (after.articles, after.key) if after else (None, None)
    return _counted(await db.fetch(SQL["values"], dimension.id, *filters, *place))


async def days(db: Querier, filters: CountFilter) -> list[Counted]:
    """Returns the newest days with articles."""
    return _counted(await db.fetch(SQL["days"], TOTAL.id, *filters))


def _counted(rows: Sequence[Row]) -> list[Counted]:
    return [Counted._make(row) for row in rows]
