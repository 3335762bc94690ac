"""Revocation notices, open until the order that cites them arrives."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.resending import HOURLY
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleRevoked, RevocationNoticed

SQL = Queries.load(__package__, "notices")


async def insert(
    tx: Transaction, notices: Sequence[RevocationNoticed], traceparents: Sequence[str | None]
) -> list[RevocationNoticed]:
    """Records notices with the same feed, reason and time. Returns the new ones."""
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
        HOURLY.delays[0],
    )
    new = {(row["notice_id"], row["article_id"]) for row in rows}
    return [n for n in notices if (n.notice_id, n.article_id) in new]


async def reinstated_orders(tx: Transaction, article_ids: Sequence[str]) -> dict[str, int]:
    """Returns the last order of each id that was revoked and is reinstated."""
    return {
        row["article_id"]: row["order_no"] for row in await tx.fetch(SQL["reinstated_orders"], article_ids)
    }


async def answered(tx: Transaction, orders: Iterable[AnyOrder], now: datetime) -> set[str]:
    """Closes the open notices that these orders cite. Returns their articles.

    An order that only withholds the article does not answer a notice.
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
    """Returns up to 500 open notices that are due to be sent again, and sets their next time."""
    return await tx.fetch(SQL["due"], now, HOURLY.delays)


async def open_count(db: Querier) -> Row | None:
    """Returns the number of open notices, and since when the oldest is open."""
    return await db.fetchrow(SQL["open"])
