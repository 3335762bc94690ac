"""Documents, in partitions by month, and held ones in a separate table. No other table has an article's content."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns
from clawback_common.retention.partitions import MonthPartitions
from ingester.domain.article import Delivery
from ingester.domain.terms import SEPARATOR, terms_of
from ingester.storage import sweeps
from ingester.storage.articles import Returned, Upserted

SQL = Queries.load(__package__, "contents")
FIRST_MONTH = datetime(2000, 1, 1, tzinfo=UTC)


async def save(tx: Transaction, stored: Sequence[Upserted], by_id: Mapping[str, Delivery]) -> None:
    """Stores the documents of these rows."""
    if not stored:
        return
    deliveries = [by_id[row.article_id] for row in stored]
    await tx.execute(
        SQL["save"],
        *columns(stored, "retention_date article_id version"),
        *columns(deliveries, "document article.published_at article.sentiment article.word_count"),
        [SEPARATOR.join(terms_of(one.article)) for one in deliveries],
        SEPARATOR,
    )


async def remove(tx: Transaction, dated: Mapping[str, datetime]) -> set[str]:
    """Deletes the documents of these ids, in the months of their retention dates and among held ones.

    Returns:
        The ids that had a document.
    """
    if not dated:
        return set()
    rows = await tx.fetch(SQL["remove"], list(dated.values()), list(dated))
    return {row["article_id"] for row in rows}


async def set_versions(tx: Transaction, returned: Sequence[Returned]) -> None:
    """Sets the versions of documents to those of their rows."""
    if returned:
        await tx.execute(
            SQL["set_versions"],
            *columns(returned, "retention_date article_id version"),
        )


async def held(db: Querier, article_ids: Sequence[str]) -> list[Row]:
    """Returns whether a document of each id is stored, in any state, and the last applied order."""
    return await db.fetch(SQL["held"], article_ids)


class Months(MonthPartitions):
    """The monthly partitions of documents. Swept months are not created again."""

    def __init__(self, db: Database) -> None:
        """All months before the first one share a partition, so that wrong dates do not create thousands of them."""
        super().__init__(db, "article_content", FIRST_MONTH, partial(sweeps.retention_floor, db))
