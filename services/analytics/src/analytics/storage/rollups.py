"""The counts: rows change after the facets, values after the rows, the mark last. Everyone takes them in this order."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from analytics.domain.counting import Change, Delta
from analytics.domain.facets import SOURCE
from analytics.storage.values import SQL as VALUES
from clawback_common.errors import Conflict
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "rollups")


class Narrowed(NamedTuple):
    """Which counts are asked for."""

    since: date
    until: date
    """Included."""
    language: str | None
    source: str | None
    licence: str | None
    limit: int


class Counted(NamedTuple):
    """One line of an answer."""

    key: int | date
    """The number of a value, or a day."""
    articles: int
    words: int


async def apply(tx: Transaction, delta: Delta, made: Sequence[int] = ()) -> None:
    """Changes the counts, and forgets the values that nothing is counted under any more.

    Args:
        tx: the transaction that took the facets.
        delta: what changes.
        made: values that this transaction has made, used or not.

    Raises:
        Conflict: a value has gone meanwhile; look the words up again.
    """
    changes, parked = delta.changes, delta.parked
    dead = await _count(tx, changes, parked) if changes or parked else []
    if dead:
        await tx.execute(
            SQL["remove"],
            [row["dimension"] for row in dead],
            [row["day"] for row in dead],
            [row["cell_id"] for row in dead],
            [row["value_id"] for row in dead],
        )
    unneeded = {row["value_id"] for row in dead} | {value for value, by in parked.items() if by < 0} | {*made}
    if unneeded:
        await tx.execute(VALUES["forget"], sorted(unneeded))
    if changes:
        await tx.execute(SQL["change"])


async def _count(tx: Transaction, changes: Sequence[Change], parked: Mapping[int, int]) -> list[Row]:
    """Changes the rows, and how much each value is needed. Gives the rows that say 0 now."""
    keys = zip(*(change.key for change in changes), strict=True) if changes else ((), (), (), ())
    rows = await tx.fetch(
        SQL["count"],
        *keys,
        [change.articles for change in changes],
        [change.words for change in changes],
        list(parked),
        list(parked.values()),
    )
    if rows[0]["gone"]:
        raise Conflict("a value has gone meanwhile")
    return [row for row in rows if row["value_id"] is not None]


async def mark(db: Querier) -> UUID:
    """Under which the counts stand now; another after every change."""
    found: UUID = await db.fetchval(SQL["mark"])
    return found


async def values(db: Querier, dimension: int, asked: Narrowed, after: Counted | None = None) -> list[Counted]:
    """The values with most articles; ``after``: those that come behind this line."""
    place = (after.articles, after.key) if after else (None, None)
    return _counted(await db.fetch(SQL["values"], dimension, *asked, *place))


async def days(db: Querier, asked: Narrowed) -> list[Counted]:
    """The newest days that have articles."""
    return _counted(await db.fetch(SQL["days"], SOURCE, *asked))


def _counted(rows: Sequence[Row]) -> list[Counted]:
    return [Counted._make(row) for row in rows]
