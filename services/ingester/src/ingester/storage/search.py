"""Full-text search of articles. The search vector is in the row of the document, and is deleted with it."""

from collections.abc import Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries
from clawback_common.postgres.pool import Row
from ingester.domain.query import Node
from ingester.domain.selection import Selection
from ingester.storage.listing import filters
from ingester.storage.tsquery import tsquery

SQL = Queries.load(__package__, "search")
RANKED_MAX = 5_000
"""The newest matches among which the best are chosen."""
HIGHLIGHT = ("\x02", "\x03")
"""The marks around a word in a snippet; no word contains them."""
_OPTIONS = f"MaxFragments=2, MinWords=8, MaxWords=25, StartSel={HIGHLIGHT[0]}, StopSel={HIGHLIGHT[1]}"


async def index(db: Querier, limit: int) -> int:
    """Makes some of the oldest documents that are not searchable yet searchable. Returns their number."""
    return int((await db.execute(SQL["index"], limit)).rpartition(" ")[2])


async def oldest(db: Querier) -> Row | None:
    """Returns the key of the oldest document that is not searchable yet."""
    return await db.fetchrow(SQL["oldest"])


async def index_one(db: Querier, key: Row) -> None:
    """Makes one document searchable.

    Raises:
        Poison: PostgreSQL makes no vector of it.
    """
    await db.execute(SQL["index_one"], *key)


async def leave_out(db: Querier, key: Row) -> None:
    """Makes a document one that no query finds."""
    await db.execute(SQL["leave_out"], *key)


async def oldest_waiting(db: Querier) -> int | None:
    """Returns when the oldest document that is not searchable yet was stored, in milliseconds since 1970."""
    found: int | None = await db.fetchval(SQL["oldest_waiting"])
    return found


async def newest(
    db: Querier, node: Node, selection: Selection, before: tuple[datetime, str], limit: int
) -> list[Row]:
    """Returns the ids and dates of matches, the newest first."""
    return await db.fetch(SQL["newest"], tsquery(node), *before, limit, *filters(selection))


async def ranked(db: Querier, node: Node, selection: Selection, limit: int) -> list[Row]:
    """Returns the ids of the best matches among the newest ones."""
    return await db.fetch(SQL["ranked"], tsquery(node), RANKED_MAX, limit, *filters(selection))


async def snippets(db: Querier, node: Node, article_ids: Sequence[str]) -> dict[str, str]:
    """Returns an excerpt of each readable article, with ``HIGHLIGHT`` around the words of the query."""
    rows = await db.fetch(SQL["snippets"], article_ids, tsquery(node), _OPTIONS)
    return {row["article_id"]: row["snippet"] for row in rows}
