"""The classes of data that analytics owns, as a sweep asks for them."""

from dataclasses import dataclass

from analytics import flow
from analytics.flow import GROUP, SLICE, Service
from analytics.state import facets
from clawback_common.sweeping import Held, Progress, Sweeper, Tally, refuse_others
from clawback_contracts.sweep.v1 import Action, SweepRequested


@dataclass(frozen=True, slots=True)
class Articles:
    """What articles are counted by. Ids stay, emptied, so that a replay stays out and an order is answered."""

    service: Service
    name: str = "articles"
    tables: tuple[str, ...] = ("facet", "rollup", "value", "cell")

    async def count(self, request: SweepRequested) -> Tally:
        """How many are old, and how many of these are held."""
        if request.before is None:
            return Tally(0, 0)
        found, held = await facets.old(self.service.db, request.before, Held.of(request.holds))
        return Tally(found, found - held, held, found - held)

    async def remove(self, request: SweepRequested, progress: Progress) -> Tally:
        """Raises the floor, then takes away slice after slice, each with its counts."""
        refuse_others(request, Action.DELETE)
        await flow.raise_floor(self.service, request)
        while await flow.sweep_slice(self.service, request, progress) == SLICE:
            pass
        left = await self.count(request)
        removed = progress.count("removed")
        return Tally(removed + left.held, removed, left.held, progress.count("kept"))


@dataclass(frozen=True, slots=True)
class CachedAnswers:
    """Answers in the cache that would never go. We write none; whoever did, they go."""

    service: Service
    name: str = "cache"
    tables: tuple[str, ...] = ()

    async def count(self, _: SweepRequested) -> Tally:
        """How many have no time to live."""
        found = await self.service.cache.undying()
        return Tally(found, found)

    async def remove(self, request: SweepRequested, progress: Progress) -> Tally:
        """Removes them."""
        refuse_others(request, Action.DELETE)
        removed = await self.service.cache.remove_undying()
        async with self.service.db.transaction() as tx:
            await progress.note(tx, removed=removed)
        return Tally(progress.count("removed"), progress.count("removed"))


def sweeper(service: Service) -> Sweeper:
    """What answers the sweeps."""
    return Sweeper(
        GROUP, service.db, service.clock, service.orders, [Articles(service), CachedAnswers(service)]
    )
