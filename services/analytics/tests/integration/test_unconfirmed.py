"""An order that does not follow the last one: the article is withheld until compliance confirms what it issued."""

from typing import Any

import pytest

from analytics.use_cases.orders import on_confirmed, on_orders
from clawback_common.messaging import unconfirmed
from clawback_contracts.revocation.folding import AnyOrder
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration

A = "up:a"
HIGHEST = 2**53 - 1


async def arrive(world: World, *orders: AnyOrder) -> None:
    """Orders arrive on the topic."""
    await on_orders(world.received(orders), world.service)


async def answer(world: World, *issued: AnyOrder) -> None:
    """Compliance confirms that it issued these orders."""
    (doubtful,) = await unconfirmed.due(world.db, world.clock.now())
    await on_confirmed(world.service, doubtful, world.received(issued))
    assert await world.db.fetchval("SELECT count(*) FROM unconfirmed_order") == 0


async def incidents(world: World) -> list[Any]:
    return [row["kind"] for row in await world.db.fetch("SELECT kind FROM incident")]


async def test_a_forged_revocation_withholds_and_is_reported_and_changes_nothing_else(
    world: World,
) -> None:
    await world.publish(world.article(A))
    await arrive(world, world.revocation(A, HIGHEST))
    assert (await world.total(), await world.held(A)) == (0, {A})
    await world.must_be_exact()
    await answer(world)
    assert (await world.total(), await incidents(world)) == (1, ["order_not_issued"])
    await world.must_be_exact()
    await arrive(world, world.revocation(A, 1))
    assert (await world.total(), await world.held(A)) == (0, set())


async def test_an_order_after_a_lost_one_is_applied_when_compliance_has_confirmed_both(world: World) -> None:
    await world.publish(world.article(A))
    first, second = world.revocation(A, 1), world.reinstatement(A, 2)
    await arrive(world, second)
    assert (await world.total(), await world.answers()) == (0, [])
    await answer(world, first, second)
    assert (await world.total(), await world.held(A), await incidents(world)) == (0, set(), [])
    await world.publish(world.article(A, 2, 2))
    assert await world.total() == 1
    await world.must_be_exact()
