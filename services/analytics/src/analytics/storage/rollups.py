"""The counts.

Every transaction locks in this order: facets, rollup rows, values, and the version of the counts last. What is deleted
afterwards is already locked by then, or was created by the transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from analytics.domain.counting import Change, Delta
from analytics.domain.dimensions import DIMENSIONS, TOTAL, Dimension
from analytics.domain.filters import CountFilter
from analytics.storage.values import SQL as VALUES
from clawback_common.errors import Conflict
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "rollups")
Interval = Literal["hour", "day", "week", "month"]
"""Weeks begin on Monday."""


class Counted(NamedTuple):
    """One row of an answer."""

    key: int | datetime
    """The id of a value, or the start of an interval."""
    articles: int
    words: int


class CountedNumber(NamedTuple):
    """How many articles of a group have a number."""

    group: datetime | str | None
    """The start of an interval, or a source; None: there are no groups."""
    number: float
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


def parameters(dimension: Dimension, filters: CountFilter) -> list[Any]:
    """Returns the parameters of ``counted_articles``."""
    period, *others = filters
    ends = period.ends
    return [dimension.id, *period.days, [since for since, _ in ends], [until for _, until in ends], *others]


async def values(
    db: Querier,
    dimension: Dimension,
    filters: CountFilter,
    limit: int,
    label: str | None = None,
    after: Counted | None = None,
) -> list[Counted]:
    """Returns the dimension's values with the most articles.

    Args:
        db: the database.
        dimension: the dimension.
        filters: which articles are counted.
        limit: maximum number of values.
        label: only values with this label.
        after: the last row of the previous page.
    """
    place = (after.articles, after.key) if after else (None, None)
    rows = await db.fetch(SQL["values"], *parameters(dimension, filters), label, *place, limit)
    return [Counted._make(row) for row in rows]


async def intervals(db: Querier, filters: CountFilter, interval: Interval, limit: int) -> list[Counted]:
    """Returns the newest intervals with articles."""
    if interval == "hour":
        rows = await db.fetch(SQL["hours"], *parameters(DIMENSIONS["hours"], filters), limit)
    else:
        rows = await db.fetch(SQL["intervals"], *parameters(TOTAL, filters), interval, limit)
    return [Counted._make(row) for row in rows]


async def numbers(db: Querier, dimension: Dimension, filters: CountFilter) -> list[CountedNumber]:
    """Returns the numbers that the dimension's values are."""
    rows = await db.fetch(SQL["numbers"], *parameters(dimension, filters))
    return [CountedNumber(None, *row) for row in rows]


async def numbers_by_interval(
    db: Querier, dimension: Dimension, filters: CountFilter, interval: Interval, limit: int
) -> list[CountedNumber]:
    """Returns the same for each of the newest intervals with articles."""
    rows = await db.fetch(SQL["numbers_by_interval"], *parameters(dimension, filters), interval, limit)
    return [CountedNumber._make(row) for row in rows]


async def numbers_by_source(
    db: Querier,
    dimension: Dimension,
    filters: CountFilter,
    limit: int,
    after: tuple[int, str] | None = None,
) -> list[CountedNumber]:
    """Returns the same for each of the sources with the most articles, after the articles and key of a source."""
    place = after or (None, None)
    rows = await db.fetch(SQL["numbers_by_source"], *parameters(dimension, filters), *place, limit)
    return [CountedNumber._make(row) for row in rows]
