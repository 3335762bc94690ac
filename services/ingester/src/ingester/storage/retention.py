"""Retention of articles: old ones are refused, whole months are deleted, and ids of published articles are kept."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clawback_common.clock import Clock
from clawback_common.postgres import Database, Transaction
from clawback_common.retention import (
    AGE_MIN,
    AgedTableClass,
    Progress,
    SweepCounts,
    require_action,
)
from clawback_common.retention.holds import LegalHolds, SweepLimit
from clawback_common.retention.partitions import (
    LOCKING,
    Month,
    MonthPartitions,
    empty,
    month_after,
    wait_for_writers,
)
from clawback_common.retry import retrying
from clawback_contracts.sweep.v1 import Action, SweepRequested
from ingester.storage import sweeps

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
Slice = Callable[[Transaction, SweepLimit], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Articles:
    """The class ``articles``: documents are deleted by age, and ids of articles that were never published."""

    db: Database
    clock: Clock
    months: MonthPartitions
    name: str = "articles"
    tables: tuple[str, ...] = (
        "article",
        "article_content",
        "article_held",
        "quarantine",
        "notice",
        "delivery",
        "outbox_bulk",
        "outbox_priority",
    )
    """All tables with data of articles."""
    action: Action = Action.DELETE
    age_min: timedelta = AGE_MIN

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Counts old documents, held ones, and ids that are kept."""
        limit = SweepLimit.of(request)
        found, held = await sweeps.tally(self.db, limit)
        return SweepCounts(found, found - held, held, await self._kept(limit, held))

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Raises the retention floor, then deletes whole months, remaining old documents, and ids not to keep.

        Each step can be repeated: deleted rows are not found again.
        """
        require_action(request, self.action)
        limit = SweepLimit.of(request)
        await sweeps.raise_floor(self.db, limit.before, self.clock.now())
        await wait_for_writers(self.db, "article")
        for month in await self.months.over(limit.before):
            await self._remove_month(month, limit, progress)
        await self._remove_rest(limit, progress)
        await self._repeat(sweeps.delete_released, limit, progress, "removed")
        await self._repeat(sweeps.delete_ids, limit, progress, "forgotten")
        await self._repeat(sweeps.delete_quarantined, limit, progress, "set_aside")
        found, held = await sweeps.tally(self.db, limit)
        removed = progress.count("removed")
        return SweepCounts(removed + found, removed, held, await self._kept(limit, held))

    async def reopen(self, since: datetime) -> int:
        """Allows articles from this date on again: creates their months, and their ids accept the next delivery."""
        await self.months.make_all(since, self.clock.now())
        reopened, last = await sweeps.reopen(self.db, since, "")
        while last is not None:
            more, last = await sweeps.reopen(self.db, since, last)
            reopened += more
        return reopened

    async def _remove_month(self, month: Month, limit: SweepLimit, progress: Progress) -> None:
        if month.attached and not month.pending:
            await self._hold(month.start, month_after(month.start), limit.held)
            await retrying(LOCKING, lambda: self._empty(month, progress))
        await self.months.drop(month)

    async def _hold(self, start: datetime, end: datetime, held: LegalHolds) -> None:
        """Copies held documents, slice by slice, before their month is deleted."""
        if not held.ids and not held.spans:
            return
        after = None
        while places := await sweeps.held_in(self.db, start, end, after, held):
            async with self.db.transaction() as tx:
                await sweeps.hold(tx, places, self.clock.now())
            after = places[-1]

    async def _empty(self, month: Month, progress: Progress) -> None:
        """Truncates a month in one transaction, before it is detached.

        A takedown finds a document either in its month or not at all.
        """
        async with self.db.transaction() as tx:
            found, held = await sweeps.count_month(tx, month.start, month_after(month.start))
            await empty(tx, month.name)
            await progress.note(tx, removed=max(0, found - held))

    async def _remove_rest(self, limit: SweepLimit, progress: Progress) -> None:
        """Deletes old documents in the month of the limit, and in the partition before the first month."""
        await self._hold(BEGINNING, limit.before, limit.held)
        deleted = 1
        while deleted:
            async with self.db.transaction() as tx:
                deleted, held = await sweeps.remove(tx, limit)
                await progress.note(tx, removed=deleted - held)

    async def _repeat(self, some: Slice, limit: SweepLimit, progress: Progress, counted: str) -> None:
        deleted = 1
        while (
            deleted
        ):  # not until a slice is not full: some of its rows may have been deleted in the meantime
            async with self.db.transaction() as tx:
                deleted = await some(tx, limit)
                await progress.note(tx, None, **{counted: deleted})

    async def _kept(self, limit: SweepLimit, held: int) -> int:
        """Returns the number of ids that are kept without a document; held articles still have theirs."""
        return max(0, await sweeps.count_retained(self.db, limit.before) - held)


def api_calls(db: Database) -> AgedTableClass:
    """Returns the class ``api_calls``."""
    return AgedTableClass(db=db, name="api_calls", table="api_call", key="id", dated_by="started_at")
