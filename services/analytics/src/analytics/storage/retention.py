"""The classes of data that analytics owns, as a sweep asks for them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from analytics.domain.counting import Delta
from analytics.storage import facets, rollups
from clawback_common.clock import Clock
from clawback_common.postgres import Database
from clawback_common.retention import AGE_MIN, LegalHolds, Progress, SweepCounts, require_action
from clawback_common.retention.partitions import wait_for_writers
from clawback_contracts.sweep.v1 import Action, SweepRequested

SLICE = 1_000
"""Articles a transaction: a tenth of a second, so that nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Articles:
    """What articles are counted by. Ids stay, emptied, so that a replay stays out and an order is answered."""

    db: Database
    clock: Clock
    name: str = "articles"
    tables: tuple[str, ...] = ("facet", "rollup", "value", "cell")
    action: Action = Action.DELETE
    age_min: timedelta = AGE_MIN

    async def count(self, request: SweepRequested) -> SweepCounts:
        """How many are old, and how many of these are held."""
        if request.before is None:
            return SweepCounts(0, 0)
        found, held = await facets.old(self.db, request.before, LegalHolds.of(request.holds))
        return SweepCounts(found, found - held, held, found - held)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Raises the floor, then takes away slice after slice, each with its counts."""
        require_action(request, self.action)
        await self.raise_floor(request)
        while await self.slice(request, progress):
            pass  # not until a short one: a takedown may have emptied some of it
        left = await self.count(request)
        removed = progress.count("removed")
        return SweepCounts(removed + left.held, removed, left.held, progress.count("kept"))

    async def raise_floor(self, request: SweepRequested) -> None:
        """Nothing that goes now is let in from now on."""
        if request.before is not None:
            await facets.raise_floor(self.db, request.before, self.clock.now())
            await wait_for_writers(self.db, "facet")

    async def slice(self, request: SweepRequested, progress: Progress) -> int:
        """Takes some of what is old and not held, and their counts. Gives how many articles that were."""
        if request.before is None:
            return 0
        async with self.db.transaction() as tx:
            emptied = await facets.empty_old(tx, request.before, LegalHolds.of(request.holds), SLICE)
            await progress.note(tx, removed=len(emptied), kept=len(emptied))
            delta = Delta()
            for one in emptied:
                delta.take_away(one)
            await rollups.apply(tx, delta)
        return len(emptied)


class KeepsAnswers(Protocol):
    """The cache, as far as a sweep needs it."""

    async def without_ttl(self) -> int:
        """How many of our keys have no time to live."""

    async def remove_undying(self) -> int:
        """Removes these."""


@dataclass(frozen=True, slots=True)
class CachedAnswers:
    """Answers in the cache that would never go. We write none; whoever did, they go."""

    db: Database
    cache: KeepsAnswers
    name: str = "cache"
    tables: tuple[str, ...] = ()
    action: Action = Action.DELETE
    age_min: timedelta = timedelta(0)
    """An answer can be computed again at any time."""

    async def count(self, _: SweepRequested) -> SweepCounts:
        """How many have no time to live."""
        found = await self.cache.without_ttl()
        return SweepCounts(found, found)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Removes them."""
        require_action(request, self.action)
        removed = await self.cache.remove_undying()
        async with self.db.transaction() as tx:
            await progress.note(tx, removed=removed)
        return SweepCounts(progress.count("removed"), progress.count("removed"))
