"""The row of each article, with its last order."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build, columns
from compliance.domain.order import ArticleHead, IssueOrder, Kind

SQL = Queries.load(__package__, "articles")
_STATES = {Kind.REVOKED: "revoked", Kind.WITHHELD: "withheld", Kind.REINSTATED: "live"}


async def lock_or_create(
    tx: Transaction, article_ids: Iterable[str], now: datetime
) -> dict[str, ArticleHead]:
    """Locks the rows of these articles until the transaction ends; creates missing rows."""
    rows = await tx.fetch(SQL["lock_or_create"], sorted(set(article_ids)), now)
    return {row["article_id"]: _head(row) for row in rows}


async def lock_by_revocation(tx: Transaction, revocation_id: object) -> ArticleHead | None:
    """Locks the row of the article of an order; None if there is no such order."""
    row = await tx.fetchrow(SQL["lock_by_revocation"], revocation_id)
    return _head(row) if row else None


async def save(tx: Transaction, ordered: Sequence[IssueOrder], now: datetime) -> None:
    """Writes these orders as the last ones of their articles, whose rows must be locked."""
    await tx.execute(
        SQL["save"],
        *columns(ordered, "article_id order_no"),
        [_STATES[order.kind] for order in ordered],
        [order.revocation_id for order in ordered],
        now,
    )


async def raise_heads(tx: Transaction, orders: Iterable[tuple[str, int]], now: datetime) -> None:
    """Raises the last order numbers of these articles, whose rows must be locked; the greatest number counts."""
    greatest: dict[str, int] = {}
    for article_id, number in orders:
        greatest[article_id] = max(number, greatest.get(article_id, 0))
    await tx.execute(SQL["raise_heads"], list(greatest), list(greatest.values()), now)


async def revoked_among(db: Querier, article_ids: Sequence[str]) -> set[str]:
    """Returns the ids that are revoked at present."""
    return {row["article_id"] for row in await db.fetch(SQL["revoked_among"], article_ids)}


async def one(db: Querier, article_id: str) -> Row | None:
    """Returns the row, for display."""
    return await db.fetchrow(SQL["one"], article_id)


def _head(row: Row) -> ArticleHead:
    state = row["state"]
    return build(ArticleHead, row, revoked=state == "revoked", withheld=state == "withheld")
