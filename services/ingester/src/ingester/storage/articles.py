"""Identity rows of articles. They are locked before anything else, in the order of their ids."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clawback_common.postgres import Querier, Queries, Transaction, estimates
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.revocation.folding import Folded, OrderHead, Status
from clawback_contracts.revocation.v1 import ArticleReinstated
from ingester.domain.article import Delivery

SQL = Queries.load(__package__, "articles")
ESTIMATED = (
    "article",
    "article_revoked",
    "article_withheld",
    "article_embargoed",
    "article_content",
    "article_held",
)
"""Tables, and partial indexes over the articles in one state."""


class Upserted(NamedTuple):
    """An identity row after a delivery."""

    article_id: str
    retention_date: datetime
    version: int
    state: str
    stored: bool
    """False: an older version, the same content again, or a revoked id."""


class Returned(NamedTuple):
    """A withheld article that an order made available again."""

    article_id: str
    retention_date: datetime
    version: int
    state: str


async def upsert(tx: Transaction, batch: Sequence[Delivery], now: datetime) -> list[Upserted]:
    """Inserts or updates the rows and decides under their locks.

    The batch has each id once, sorted. Articles older than the retention floor are missing in the result.
    """
    rows = await tx.fetch(
        SQL["upsert"],
        *columns(
            batch,
            "article_id article.published_at source_order article.embargoed_until article.licence_ends_at",
        ),
        now,
        *columns(batch, "document_hash source_position"),
    )
    return [Upserted._make(row) for row in rows]


async def lock_or_create(tx: Transaction, article_ids: Sequence[str], now: datetime) -> dict[str, OrderHead]:
    """Locks the rows of these sorted ids until the transaction ends; creates missing rows."""
    await tx.execute(SQL["lock_or_create"], article_ids, now)
    return {
        r["article_id"]: OrderHead(
            r["article_id"], r["order_no"], Status(r["status"]), r["revocation_id"], r["ever_held"]
        )
        for r in await tx.fetch(SQL["heads"], article_ids)
    }


async def apply_orders(tx: Transaction, folded: Sequence[Folded], now: datetime) -> list[Returned]:
    """Writes the results of orders to locked rows. Returns the articles that are available again."""
    rows = await tx.fetch(
        SQL["apply_orders"],
        *columns(folded, "after.article_id after.order_no after.status after.revocation_id"),
        [None if isinstance(one.last, ArticleReinstated | None) else one.last.reason for one in folded],
        [one.last.ordered_at if one.last else None for one in folded],
        [one.removes for one in folded],
        now,
        [one.returns for one in folded],
    )
    return [
        Returned(row["article_id"], row["retention_date"], row["version"], row["state"])
        for row in rows
        if row["returns"]
    ]


async def months(tx: Transaction, article_ids: Sequence[str]) -> dict[str, datetime]:
    """Returns the retention dates of the ids that ever had a document."""
    if not article_ids:
        return {}
    return {row["article_id"]: row["retention_date"] for row in await tx.fetch(SQL["months"], article_ids)}


async def too_old(db: Querier, found: Sequence[ArticleSubmitted], now: datetime) -> set[str]:
    """Returns the ids that ``upsert`` would refuse, because they are older than the retention floor."""
    ids, dates = [one.article_id for one in found], [one.published_at for one in found]
    return {row["article_id"] for row in await db.fetch(SQL["too_old"], ids, dates, now)}


async def mark_unconfirmed(tx: Transaction, article_ids: Sequence[str], now: datetime) -> None:
    """Makes locked rows unreadable until compliance confirms their orders."""
    await tx.execute(SQL["mark_unconfirmed"], article_ids, now)


async def mark_confirmed(tx: Transaction, article_id: str, now: datetime) -> Row | None:
    """Ends what ``mark_unconfirmed`` did. Returns id, version and state; None if the row was not unconfirmed."""
    return await tx.fetchrow(SQL["mark_confirmed"], article_id, now)


async def withhold(tx: Transaction, article_ids: Sequence[str], now: datetime) -> None:
    """Makes articles unreadable until a person decides. Orders that withhold articles are independent of this."""
    await tx.execute(SQL["withhold"], article_ids, now)


async def readable(db: Querier, article_ids: Sequence[str]) -> list[Row]:
    """Returns the id and version of the readable articles."""
    return await db.fetch(SQL["readable"], article_ids)


async def revoked(db: Querier, article_ids: Sequence[str]) -> set[str]:
    """Returns the ids that are revoked."""
    return {row["article_id"] for row in await db.fetch(SQL["revoked"], article_ids)}


async def release(tx: Transaction, article_id: str, now: datetime) -> Row | None:
    """Ends what ``withhold`` did. Returns id, version and state; None if the row was not withheld."""
    return await tx.fetchrow(SQL["release"], article_id, now)


async def embargo_over(tx: Transaction, now: datetime) -> list[Row]:
    """Ends up to 500 embargoes that are over. Returns id and version of each article."""
    return await tx.fetch(SQL["embargo_over"], now)


async def licence_over(tx: Transaction, now: datetime) -> list[Row]:
    """Returns up to 500 articles whose licence has ended: id, end and state."""
    return await tx.fetch(SQL["licence_over"], now)


async def to_publish(db: Querier, refs: Sequence[str], versions: Sequence[int], bytes_max: int) -> list[Row]:
    """Returns the current content of outbox references; those that must not be published are missing.

    ``number`` counts from 1. The document that reaches ``bytes_max`` is the last; rows after it have ``over`` and no
    document.
    """
    return await db.fetch(SQL["to_publish"], refs, versions, bytes_max)


async def one(db: Querier, article_id: str) -> Row | None:
    """Returns the identity row, and the document if it is readable."""
    return await db.fetchrow(SQL["one"], article_id)


async def published_page(
    db: Querier, after: datetime, after_id: int, limit: int, bytes_max: int
) -> list[Row]:
    """Returns publications after a position with the current article; its columns are null if it has changed since."""
    return await db.fetch(SQL["published_page"], after, after_id, limit, bytes_max)


SAMPLED_BLOCKS = 100
"""Blocks of 8 KiB; each has about three to thirty articles, and former rows until the next vacuum."""


async def sample(db: Querier, limit: int) -> list[Row]:
    """Returns a random sample of readable articles, in no order."""
    return await db.fetch(SQL["sample"], SAMPLED_BLOCKS, limit)


async def revoked_page(db: Querier, after: str, limit: int) -> list[Row]:
    """Returns revoked ids with order, reason and time."""
    return await db.fetch(SQL["revoked_page"], after, limit)


async def counts(db: Querier) -> dict[str, int]:
    """Returns the number of articles by state: exact while the table is small, then PostgreSQL's estimates."""
    if await estimates.is_small(db, "article"):
        return {row["state"]: row["articles"] for row in await db.fetch(SQL["counts"])}
    found = await estimates.rows(db, ESTIMATED)
    special = {state: found[f"article_{state}"] for state in ("revoked", "withheld", "embargoed")}
    stored = found["article_content"] + found["article_held"]
    special["live"] = max(0, stored - special["withheld"] - special["embargoed"])
    special["swept"] = max(0, found["article"] - special["revoked"] - stored)
    return special
