"""The data classes that analytics owns, as swept by retention."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from analytics.domain.counting import Delta
from analytics.storage import facets, rollups
from clawback_common.clock import Clock
from clawback_common.postgres import Database
from clawback_common.retention import AGE_MIN, Progress, SweepCounts, require_action
from clawback_common.retention.holds import SweepLimit
from clawback_common.retention.partitions import wait_for_writers
from clawback_contracts.sweep.v1 import Action, SweepRequested

SLICE = 1_000
"""Articles per transaction: a tenth of a second, so that other transactions do not wait long."""


@dataclass(frozen=True, slots=True)
class Articles:
    """The facets of articles. The rows stay, emptied, so that a replay is rejected and an order can be answered."""

    db: Database
    clock: Clock
    name: str = "articles"
    tables: tuple[str, ...] = ("facet", "rollup", "value", "filter_key")
    action: Action = Action.DELETE
    age_min: timedelta = AGE_MIN

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Counts the old articles, and how many of them are under a legal hold."""
        found, held = await facets.old(self.db, SweepLimit.of(request))
        return SweepCounts(found, found - held, held, found - held)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Raises the floor, then empties slice after slice and subtracts its counts."""
        require_action(request, self.action)
        await self.raise_floor(request)
        while await self.slice(request, progress):
            pass  # until a slice is empty: a takedown may have emptied part of one
        left = await self.count(request)
        removed = progress.count("removed")
        return SweepCounts(removed + left.held, removed, left.held, progress.count("kept"))

    async def raise_floor(self, request: SweepRequested) -> None:
        """Raises the floor and waits for running transactions, so that none saves what this sweep removes."""
        await facets.raise_floor(self.db, SweepLimit.of(request).before, self.clock.now())
        await wait_for_writers(self.db, "facet")

    async def slice(self, request: SweepRequested, progress: Progress) -> int:
        """Empties one slice of old articles that are not under a legal hold, and subtracts their counts.

        Returns:
            The number of articles.
        """
        async with self.db.transaction() as tx:
            emptied = await facets.empty_old(tx, SweepLimit.of(request), SLICE)
            await progress.note(tx, removed=len(emptied), kept=len(emptied))
            delta = Delta()
            for one in emptied:
                delta.subtract(one)
            await rollups.apply(tx, delta)
        return len(emptied)


class AnswerCache(Protocol):
    """The part of the cache's interface that a sweep needs."""

    async def without_ttl(self) -> int:
        """Counts our keys without a time to live."""

    async def remove_without_ttl(self) -> int:
        """Deletes them."""


@dataclass(frozen=True, slots=True)
class CachedAnswers:
    """Cached answers without a time to live. This service writes none; others may have."""

    db: Database
    cache: AnswerCache
    name: str = "cache"
    tables: tuple[str, ...] = ()
    action: Action = Action.DELETE
    age_min: timedelta = timedelta(0)
    """An answer can be computed again at any time."""

    async def count(self, _: SweepRequested) -> SweepCounts:
        """Counts the keys without a time to live."""
        found = await self.cache.without_ttl()
        return SweepCounts(found, found)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Deletes them."""
        require_action(request, self.action)
        removed = await self.cache.remove_without_ttl()
        async with self.db.transaction() as tx:
            await progress.note(tx, removed=removed)
        return SweepCounts(progress.count("removed"), progress.count("removed"))
