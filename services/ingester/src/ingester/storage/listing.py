"""Lists of readable articles, in the order of their last change."""

from collections.abc import Sequence
from typing import NamedTuple

from clawback_common.postgres import Database, Querier, Queries
from clawback_common.postgres.pool import Row
from clawback_common.retention.partitions import wait_for_writers
from ingester.domain.query import And, Term
from ingester.domain.selection import Selection
from ingester.storage.tsquery import tsquery

SQL = Queries.load(__package__, "listing")
EXAMINED_MAX = 5_000
"""The articles that one page of a filtered list looks at; 30 ms on a busy machine."""


class Changes(NamedTuple):
    """A part of the list, ids only."""

    rows: Sequence[Row]
    """``article_id`` and ``change_no``, the oldest change first."""
    examined_to: int | None
    """The number up to which the list was examined if it may continue there; None: to its end."""
    committed_to: int
    """The end of the list: every change up to this number is committed."""


class ChangeFeed:
    """A gap-free list of changes.

    Numbers are assigned before the commit, so a later one can become visible first. The list therefore ends at a
    number that was the last one before all transactions that might have assigned it ended. It waits for them only when
    a page reaches the end that it knows.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._committed_to = 0

    async def page(self, selection: Selection, after: int, limit: int) -> Changes:
        """Returns readable articles that changed after a number, at most ``limit``."""
        found = await self._changes(selection, after, limit)
        if len(found.rows) == limit or found.examined_to is not None:
            return found
        last = int(await self._db.fetchval(SQL["last_change"]))
        await wait_for_writers(self._db, "article")
        self._committed_to = max(self._committed_to, last)
        return await self._changes(selection, after, limit)

    async def _changes(self, selection: Selection, after: int, limit: int) -> Changes:
        committed_to = self._committed_to
        span, limits = (after, committed_to), filters(selection)
        if selection.terms and await _is_rare(self._db, selection):
            looked_up = _looked_up(selection)
            rows = await self._db.fetch(SQL["changed_with_terms"], *span, limit, *limits, looked_up)
            return Changes(rows, None, committed_to)
        everything = selection.is_everything
        rows = await self._db.fetch(SQL["changed"], *span, EXAMINED_MAX, limit, *limits, everything)
        found = [row for row in rows if row["article_id"] is not None]
        return Changes(found, rows[0]["examined_to"], committed_to)


async def read(db: Querier, article_ids: Sequence[str], bytes_max: int) -> list[Row]:
    """Returns identity rows in the order of these ids, readable ones with their documents.

    The result ends with the document that reaches ``bytes_max``.
    """
    return await db.fetch(SQL["read"], article_ids, bytes_max)


async def set_last_change(db: Querier) -> None:
    """Makes sure that a restored database assigns no number of a change again."""
    await db.fetchval(SQL["set_last_change"])


async def _is_rare(db: Querier, selection: Selection) -> bool:
    found = await db.fetchval(SQL["count_matching"], _looked_up(selection), EXAMINED_MAX + 1)
    return bool(found <= EXAMINED_MAX)


def _looked_up(selection: Selection) -> str:
    return tsquery(And(tuple(map(Term, selection.terms))))


def filters(selection: Selection) -> tuple[object, ...]:
    """Returns the arguments of a query that applies the filters: the terms, then the limits of ``is_selected``."""
    return (
        selection.terms,
        selection.since,
        selection.until,
        selection.sentiment_min,
        selection.sentiment_max,
        selection.word_count_min,
        selection.word_count_max,
    )
