"""Any database can be restored alone, from a backup that is older than much of what the others know."""

from itertools import product

import pytest

from clawback_local.site import DATABASES
from clawback_story import faults, restores
from clawback_story.faults import Dump
from clawback_story.numbers import NumbersSeen
from clawback_story.problems import missing
from clawback_story.restores import Published, Watching
from clawback_story.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(800), pytest.mark.asyncio(loop_scope="session")]

ALWAYS = {("ingester", False), ("compliance", False), ("compliance", True)}
"""`make test` plays these; all of them are in `make test-disasters`."""
CASES = [
    pytest.param(
        service,
        wiped,
        marks=() if (service, wiped) in ALWAYS else pytest.mark.disaster,
        id=f"{service}-{'broker-wiped' if wiped else 'broker-kept'}",
    )
    for wiped, service in product((False, True), DATABASES)
]


@pytest.mark.parametrize(("service", "broker_wiped"), CASES)
async def test_a_database_is_restored_alone(world: World, service: str, *, broker_wiped: bool) -> None:
    numbers, published, dump = NumbersSeen(), Published(), Dump(world, service)
    before = await restores.before(world)
    await dump.take()
    done = await restores.go_on(world, before)
    await numbers.look(world)
    await restores.set_back(world, dump, service, broker_wiped=broker_wiped)
    if not broker_wiped:
        await published.look(world)
    async with Watching(world, done.revoked) as watching:
        await restores.come_back(world, service, done, broker_wiped=broker_wiped)
        await restores.alert_is_known(world)
        await restores.resume_feed(world)
        await faults.drained(world, f"restore of the database of {service}", sending_again=True)
        problems = await restores.judged(world)
        forgotten = await restores.holds_forgotten(world, done)
    await numbers.look(world)
    assert watching.refused, "nobody has asked for what is revoked"
    assert watching.readable == set()
    assert missing("published again", await published.look(world) & done.revoked) == []
    assert numbers.count > len(done.revoked)
    assert numbers.reused == []
    assert forgotten == []
    assert problems == {}
