"""Notices: open until the order that cites them was seen here."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleRevoked, RevocationNoticed

SQL = Queries.load(__package__, "notices")


async def insert(
    tx: Transaction, notices: Sequence[RevocationNoticed], traceparents: Sequence[str | None]
) -> list[RevocationNoticed]:
    """Notes notices of one feed, reason and time. Gives those that were not known."""
    if not notices:
        return []
    first = notices[0]
    rows = await tx.fetch(
        SQL["insert"],
        [n.notice_id for n in notices],
        [n.article_id for n in notices],
        first.noticed_by,
        first.reason,
        first.noticed_at,
        first.earliest_at,
        first.poll_id,
        [n.revoked_at for n in notices],
        traceparents,
    )
    new = {(row["notice_id"], row["article_id"]) for row in rows}
    return [n for n in notices if (n.notice_id, n.article_id) in new]


async def reinstated_orders(tx: Transaction, article_ids: Sequence[str]) -> dict[str, int]:
    """The last order of each id that was revoked once and is not now."""
    return {
        row["article_id"]: row["order_no"] for row in await tx.fetch(SQL["reinstated_orders"], article_ids)
    }


async def answered(tx: Transaction, orders: Iterable[AnyOrder], now: datetime) -> set[str]:
    """Closes the open notices that these orders cite. Gives the articles that they are on.

    An order that only withholds the article does not carry a notice out.
    """
    cited = {
        (notice_id, order.article_id): order.order
        for order in orders
        if isinstance(order, ArticleRevoked)
        for notice_id in order.notice_ids
    }
    if not cited:
        return set()
    ids, articles = zip(*cited, strict=True)
    rows = await tx.fetch(SQL["answered"], ids, articles, list(cited.values()), now)
    return {row["article_id"] for row in rows}


async def due(tx: Transaction, now: datetime) -> list[Row]:
    """Up to 500 open notices that are to be sent again; their next time is set."""
    return await tx.fetch(SQL["due"], now)


async def open_count(db: Querier) -> Row | None:
    """How many are open, and since when the oldest."""
    return await db.fetchrow(SQL["open"])
