"""A feed of articles in slices, for any number of the first slice."""

from pathlib import Path

import pytest

from clawback_testing.clock import FakeClock
from services.ingester.tests.integration.simulated import ARTICLES, REVOKED, Simulated, simulated_provider
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

SLICES = 3


async def read_all(simulated: Simulated) -> list[str | None]:
    """Polls each feed of articles once; returns their errors."""
    return [(await simulated.poll(name)).error for name in simulated.feeds if name != REVOKED]


@pytest.mark.parametrize("base", [0, 1])
async def test_all_slices_of_a_feed_are_read_with_the_providers_numbering(
    world: World, clock: FakeClock, tmp_path: Path, base: int
) -> None:
    async with simulated_provider(
        world.service, clock, tmp_path, metabase_slices=SLICES, metabase_slice_base=base
    ) as simulated:
        await simulated.provider.set(slice_base=base)
        await simulated.provider.publish(60)
        names = [f"{ARTICLES}-{number}of{SLICES}" for number in range(base, base + SLICES)]
        assert [*simulated.feeds] == [*names, REVOKED]
        assert await read_all(simulated) == [None] * SLICES
        assert await simulated.stored() == (await simulated.provider.truth()).published_ids


async def test_a_wrong_slice_base_stops_one_slice_and_loses_nothing(
    world: World, clock: FakeClock, tmp_path: Path
) -> None:
    async with simulated_provider(world.service, clock, tmp_path, metabase_slices=SLICES) as simulated:
        await simulated.provider.set(slice_base=1)
        await simulated.provider.publish(60)
        first, *others = await read_all(simulated)
        assert (first is not None and "1010" in first, others) == (True, [None] * (SLICES - 1))
        assert (await simulated.row(f"{ARTICLES}-0of{SLICES}"))["state"] == "stopped"
        published = (await simulated.provider.truth()).published_ids
    async with simulated_provider(
        world.service, clock, tmp_path, metabase_slices=SLICES, metabase_slice_base=1
    ) as simulated:
        await simulated.provider.set(slice_base=1)
        await simulated.provider.publish(60)
        assert (await simulated.provider.truth()).published_ids == published
        assert await read_all(simulated) == [None] * SLICES
        assert await simulated.stored() == published
