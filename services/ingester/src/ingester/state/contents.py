"""Content, in partitions by month. The only table that holds what an article says."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from clawback_common.db import Database, Querier, Queries, Transaction
from ingester.domain.article import Delivery
from ingester.state.articles import Taken

SQL = Queries.load(__package__, "contents")
FIRST_MONTH = datetime(2000, 1, 1, tzinfo=UTC)
"""All that is older lies in one partition, so that odd dates cannot make thousands of them."""


async def put(tx: Transaction, taken: Sequence[Taken], by_id: Mapping[str, Delivery]) -> None:
    """Stores the documents of the rows that were taken."""
    if taken:
        await tx.execute(
            SQL["put"],
            [row.kept_from for row in taken],
            [row.article_id for row in taken],
            [row.version for row in taken],
            [by_id[row.article_id].document for row in taken],
        )


async def remove(tx: Transaction, dated: Mapping[str, datetime]) -> set[str]:
    """Removes the documents of these ids, each in the month it dates from. Gives the ids that had one."""
    if not dated:
        return set()
    rows = await tx.fetch(SQL["remove"], list(dated.values()), list(dated))
    return {row["article_id"] for row in rows}


async def held(db: Querier, article_ids: Sequence[str]) -> set[str]:
    """The ids of which a document is stored, whatever their state."""
    return {row["article_id"] for row in await db.fetch(SQL["held"], article_ids)}


class Months:
    """Makes the partitions that a batch needs, before its transaction; knows those it has seen."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._there: set[str] = set()

    async def make(self, dates: Iterable[datetime]) -> None:
        """Makes the months of these dates, in UTC, where they are missing. Two makers at once are fine."""
        one_a_month = {(date.year, date.month): date for date in dates}
        wanted = {month_of(date) for date in one_a_month.values() if date >= FIRST_MONTH}
        missing = [start for start in wanted if partition_name(start) not in self._there]
        if not missing:
            return
        self._there |= {row["name"] for row in await self._db.fetch(SQL["months"])}
        for start in sorted(missing):
            if partition_name(start) not in self._there:
                await self._make(start)
                self._there.add(partition_name(start))

    async def _make(self, start: datetime) -> None:
        # Attached rather than created in place: that takes a lock which readers and writers do not wait for.
        name = partition_name(start)
        async with self._db.transaction() as tx:
            await tx.execute("SELECT pg_advisory_xact_lock(hashtext('article_content'))")
            if await tx.fetchval("SELECT to_regclass($1) IS NULL", name):
                await tx.execute(f"CREATE TABLE {name} (LIKE article_content INCLUDING ALL)")
                await tx.execute(
                    f"ALTER TABLE article_content ATTACH PARTITION {name} "
                    f"FOR VALUES FROM ('{start.isoformat()}') TO ('{_next_month(start).isoformat()}')"
                )


def month_of(date: datetime) -> datetime:
    """The first instant of its month, in UTC."""
    return date.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def partition_name(start: datetime) -> str:
    """``article_content_2026_11``."""
    return f"article_content_{start:%Y_%m}"


def _next_month(start: datetime) -> datetime:
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
