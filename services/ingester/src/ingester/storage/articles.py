"""Identity rows: taken before anything else, in the order of their ids."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clawback_common.postgres import Querier, Queries, Transaction, estimates
from clawback_common.postgres.pool import Row
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
"""Tables, and indexes over the articles of one state."""


class Upserted(NamedTuple):
    """An identity row after a delivery."""

    article_id: str
    kept_from: datetime
    version: int
    state: str
    stored: bool
    """False: an older text, the same text again, or a revoked id."""


class Returned(NamedTuple):
    """An article that an order withheld, and that is in use again."""

    article_id: str
    kept_from: datetime
    version: int
    state: str


async def upsert(tx: Transaction, batch: Sequence[Delivery], now: datetime) -> list[Upserted]:
    """Takes the rows and decides under their locks. The batch has each id once, sorted; what is too old is missing."""
    rows = await tx.fetch(
        SQL["upsert"],
        [d.article_id for d in batch],
        [d.article.published_at for d in batch],
        [d.source_order for d in batch],
        [d.article.embargoed_until for d in batch],
        [d.article.licence_ends_at for d in batch],
        now,
        [d.document_hash for d in batch],
        [d.source_position for d in batch],
    )
    return [Upserted._make(row) for row in rows]


async def lock_or_create(tx: Transaction, article_ids: Sequence[str], now: datetime) -> dict[str, OrderHead]:
    """Locks the rows of these ids, sorted, until the transaction ends; makes those that are missing."""
    await tx.execute(SQL["lock_or_create"], article_ids, now)
    return {
        r["article_id"]: OrderHead(
            r["article_id"], r["order_no"], Status(r["status"]), r["revocation_id"], r["ever_held"]
        )
        for r in await tx.fetch(SQL["heads"], article_ids)
    }


async def apply_orders(tx: Transaction, folded: Sequence[Folded], now: datetime) -> list[Returned]:
    """Writes what orders made of locked rows. Gives those whose copy is in use again."""
    rows = await tx.fetch(
        SQL["apply_orders"],
        [one.after.article_id for one in folded],
        [one.after.order_no for one in folded],
        [one.after.status for one in folded],
        [one.after.revocation_id for one in folded],
        [None if isinstance(one.last, ArticleReinstated | None) else one.last.reason for one in folded],
        [one.last.ordered_at if one.last else None for one in folded],
        [one.removes for one in folded],
        now,
        [one.returns for one in folded],
    )
    return [
        Returned(row["article_id"], row["kept_from"], row["version"], row["state"])
        for row in rows
        if row["returns"]
    ]


async def months(tx: Transaction, article_ids: Sequence[str]) -> dict[str, datetime]:
    """When those of the ids date from that ever had a document."""
    if not article_ids:
        return {}
    return {row["article_id"]: row["kept_from"] for row in await tx.fetch(SQL["months"], article_ids)}


async def too_old(db: Querier, found: Sequence[ArticleSubmitted], now: datetime) -> set[str]:
    """The ids of these that ``take`` would refuse, for they date from before the floor."""
    ids, dates = [one.article_id for one in found], [one.published_at for one in found]
    return {row["article_id"] for row in await db.fetch(SQL["too_old"], ids, dates, now)}


async def mark_unconfirmed(tx: Transaction, article_ids: Sequence[str], now: datetime) -> None:
    """Makes locked rows unreadable until compliance was asked for their orders."""
    await tx.execute(SQL["mark_unconfirmed"], article_ids, now)


async def mark_confirmed(tx: Transaction, article_id: str, now: datetime) -> Row | None:
    """Ends what ``doubt`` did. Gives id, version and state, or None where there was no doubt."""
    return await tx.fetchrow(SQL["mark_confirmed"], article_id, now)


async def withhold(tx: Transaction, article_ids: Sequence[str], now: datetime) -> None:
    """Makes them unreadable until a person has looked. An order that withholds them is another matter."""
    await tx.execute(SQL["withhold"], article_ids, now)


async def readable(db: Querier, article_ids: Sequence[str]) -> list[Row]:
    """Those of the ids that may be read: id and version."""
    return await db.fetch(SQL["readable"], article_ids)


async def revoked(db: Querier, article_ids: Sequence[str]) -> set[str]:
    """Those of the ids that are revoked."""
    return {row["article_id"] for row in await db.fetch(SQL["revoked"], article_ids)}


async def release(tx: Transaction, article_id: str, now: datetime) -> Row | None:
    """Lifts what ``withhold`` did. Gives id, version and state, or None where there was nothing to lift."""
    return await tx.fetchrow(SQL["release"], article_id, now)


async def embargo_over(tx: Transaction, now: datetime) -> list[Row]:
    """Frees up to 500 articles whose embargo has ended: id and version."""
    return await tx.fetch(SQL["embargo_over"], now)


async def licence_over(tx: Transaction, now: datetime) -> list[Row]:
    """Up to 500 articles whose licence has ended: id, when, state."""
    return await tx.fetch(SQL["licence_over"], now)


async def to_publish(db: Querier, refs: Sequence[str], versions: Sequence[int], bytes_max: int) -> list[Row]:
    """What the references say now; those with nothing left to say are missing. ``number`` counts from 1.

    The first text that reaches ``bytes_max`` is the last; what comes behind it has ``over`` and no document.
    """
    return await db.fetch(SQL["to_publish"], refs, versions, bytes_max)


async def one(db: Querier, article_id: str) -> Row | None:
    """The identity row, and the document where it may be read."""
    return await db.fetchrow(SQL["one"], article_id)


async def page(db: Querier, after: str, limit: int, bytes_max: int) -> list[Row]:
    """Readable articles by id. The first text that reaches ``bytes_max`` is the last; ``followed``: there are more."""
    return await db.fetch(SQL["page"], after, limit, bytes_max)


async def published_page(
    db: Querier, after: datetime, after_id: int, limit: int, bytes_max: int
) -> list[Row]:
    """Publications after a position, with the article as it is now; null columns where it is not that one any more."""
    return await db.fetch(SQL["published_page"], after, after_id, limit, bytes_max)


SAMPLED_BLOCKS = 40
"""Of 8 KiB; each has some ten to sixty articles."""


async def sample(db: Querier, limit: int) -> list[Row]:
    """Readable articles from anywhere among all of them, in no order."""
    return await db.fetch(SQL["sample"], SAMPLED_BLOCKS, limit)


async def revoked_page(db: Querier, after: str, limit: int) -> list[Row]:
    """Revoked ids, with order, reason and time."""
    return await db.fetch(SQL["revoked_page"], after, limit)


async def counts(db: Querier) -> dict[str, int]:
    """Articles by state: exact while the table is small, then PostgreSQL's estimates."""
    if await estimates.is_small(db, "article"):
        return {row["state"]: row["articles"] for row in await db.fetch(SQL["counts"])}
    found = await estimates.rows(db, ESTIMATED)
    special = {state: found[f"article_{state}"] for state in ("revoked", "withheld", "embargoed")}
    stored = found["article_content"] + found["article_held"]
    special["live"] = max(0, stored - special["withheld"] - special["embargoed"])
    special["swept"] = max(0, found["article"] - special["revoked"] - stored)
    return special
