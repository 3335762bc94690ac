"""Retention of compliance records: they are archived, read back, and only then deleted."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from clawback_common.clock import Clock
from clawback_common.errors import Poison
from clawback_common.postgres import Database, Transaction
from clawback_common.retention import Progress, SweepCounts, require_action
from clawback_common.retention.archive import ArchiveStore
from clawback_common.retention.holds import SweepLimit
from clawback_contracts.sweep.v1 import Action, Archive, SweepRequested
from compliance.storage import sweeps
from compliance.storage.sweeps import Slice

ARCHIVES_MAX = 1_000
"""Archives named in one answer; the store has all of them below the sweep's id."""
Take = Callable[[Transaction, SweepLimit], Awaitable[Slice]]
Remove = Callable[[Transaction, Slice], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Records:
    """The class ``compliance_records``: evidence of orders, and of who removed what and when."""

    db: Database
    clock: Clock
    store: ArchiveStore | None
    name: str = "compliance_records"
    tables: tuple[str, ...] = (
        "article",
        "revocation",
        "notice",
        "poll_notice",
        "obligation",
        "receipt",
        "run",
        "holder_change",
        "notice_request",
    )
    action: Action = Action.ARCHIVE
    age_min: timedelta = timedelta(days=7 * 365)
    """Evidence of removals is kept for seven years."""

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Counts what would be archived and deleted."""
        going, held, kept = await sweeps.tally(self.db, SweepLimit.of(request))
        return SweepCounts(going + held + kept, going, held, kept)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Archives and deletes, slice by slice.

        The row of an article and its order in force are never deleted: a notice that is repeated after years is
        answered with the same order. Open orders are never deleted.
        """
        require_action(request, self.action)
        if self.store is None:
            raise Poison(
                "archive_missing",
                "ARCHIVE_URL is not set, and records are only deleted after they are archived",
            )
        limit = SweepLimit.of(request)
        kinds: list[tuple[Take, Remove]] = [
            (sweeps.lock_orders, sweeps.delete_orders),
            *((partial(sweeps.lock_alone, one), partial(sweeps.delete_alone, one)) for one in sweeps.ALONE),
        ]
        for take, remove in kinds:
            while await self._slice(take, remove, limit, request, progress):
                pass
        left, held, kept = await sweeps.tally(self.db, limit)
        removed = progress.count("removed")
        archives = tuple(Archive.model_validate(one) for one in progress.get("archives", []))
        return SweepCounts(removed + left + held + kept, removed, held, kept, archives[:ARCHIVES_MAX])

    async def _slice(
        self, take: Take, remove: Remove, limit: SweepLimit, request: SweepRequested, progress: Progress
    ) -> bool:
        """Archives and deletes one slice. Returns whether more may follow.

        No lock is held while the archive is written. The rows are compared with the archive before they are deleted.
        """
        async with self.db.transaction() as tx:
            taken = await take(tx, limit)
        if not taken.records:
            return False
        archives = progress.get("archives", [])
        name = f"{self.name}/{request.sweep_id}/{len(archives) + 1:05}"
        written = await self._archive(name, taken)
        async with self.db.transaction() as tx:
            if await take(tx, limit) != taken:
                return True  # a record was added or changed in the meantime: this archive is written again
            removed = await remove(tx, taken)
            if removed != written.records:
                raise Poison(
                    "archive_differs", "the archive differs from the records to delete; nothing was deleted"
                )
            await progress.note(
                tx, {"archives": [*archives, written.model_dump(mode="json")]}, removed=removed
            )
        return True

    async def _archive(self, name: str, taken: Slice) -> Archive:
        if self.store is None:
            raise Poison("archive_missing", "ARCHIVE_URL is not set")
        return await asyncio.to_thread(self.store.write, name, taken.records, self.clock.now())
