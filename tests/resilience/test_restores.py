"""Any database can be restored alone, from a backup that is older than much of the data of the others."""

from datetime import UTC, datetime
from itertools import product

import pytest
import pytest_asyncio

from clawback_local.config import DATABASES
from clawback_story import faults, inspection, restores
from clawback_story.numbers import NumbersSeen
from clawback_story.problems import missing
from clawback_story.restores import Backups, Published, Watching
from clawback_story.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(800), pytest.mark.asyncio(loop_scope="session")]

ALWAYS = set(product(("ingester", "compliance"), (False, True)))
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


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def backups(world: World) -> Backups:
    """A backup of every database, with what was done before and after it."""
    return await restores.backups(world)


@pytest.fixture(scope="module")
def numbers() -> NumbersSeen:
    """Numbers of orders and versions, of all cases."""
    return NumbersSeen()


@pytest.mark.parametrize(("service", "broker_wiped"), CASES)
async def test_a_database_is_restored_alone(
    world: World, backups: Backups, numbers: NumbersSeen, service: str, *, broker_wiped: bool
) -> None:
    done, published, gone = backups.done, Published(), (await inspection.expectation(world)).gone
    changed_at = await restores.change_holder(world)
    await restores.stop_feeds(world)
    await numbers.look(world)
    orders = await restores.orders(world)
    wiped_at = await restores.restore(world, backups.dumps[service], service, broker_wiped=broker_wiped)
    since = datetime.now(UTC)
    if not broker_wiped:
        await published.look(world)
    async with Watching(world, done.revoked) as watching:
        await restores.restart(world, service, done, wiped_at)
        known = await restores.orders(world)
        await restores.catch_up(world)
        await restores.alert_is_known(world, since)
        await restores.resume_feed(world)
        await faults.drained(world, f"restore of the database of {service}", sending_again=True)
        forgotten = await restores.alerts_end(world, changed_at)
        problems = await restores.verify(world, done)
    await numbers.look(world)
    assert watching.refused, "nobody has asked for what is revoked"
    assert watching.readable == set()
    assert missing("published again", await published.look(world) & gone) == []
    assert broker_wiped or known == orders
    assert numbers.count > len(done.revoked)
    assert numbers.reused == []
    assert forgotten or service != "ingester"
    assert problems == {}
