"""Articles that an order withholds are not counted until a later order ends that."""

import pytest

from analytics.use_cases import incidents
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration

A = "up:a"


async def test_a_withheld_article_is_held_and_not_counted(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.withholding(A, 1))
    assert (await world.total(), await world.held(A)) == (0, {A})
    assert await world.answers() == [(A, 1, "withheld", "withheld")]
    await world.publish(world.article(A, 2, 0), world.article(A, 3, 1))
    assert await world.total() == 0
    await world.must_be_exact()


async def test_a_subsequent_reinstatement_counts_it_again(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.withholding(A, 1))
    await world.order(world.reinstatement(A, 2))
    assert await world.total() == 1
    assert await world.answers() == [(A, 1, "withheld", "withheld"), (A, 2, "reinstated", "reinstated")]
    await world.publish(world.article(A, 2, 2))
    assert await world.total() == 1
    await world.must_be_exact()


async def test_an_article_published_after_the_reinstatement_counts_even_if_it_arrives_before_the_orders(
    world: World,
) -> None:
    await world.publish(world.article(A))
    await world.order(world.withholding(A, 1))
    await world.publish(world.article(A, 2, 2))
    assert await world.total() == 1
    await world.order(world.reinstatement(A, 2))
    assert await world.total() == 1
    await world.must_be_exact()


async def test_a_revocation_removes_a_withheld_article(world: World) -> None:
    await world.publish(world.article(A))
    await world.order(world.withholding(A, 1))
    await world.order(world.revocation(A, 2))
    await world.order(world.reinstatement(A, 3))
    assert (await world.total(), await world.held(A), await world.words()) == (0, set(), set())
    await world.must_be_exact()


async def test_an_article_withheld_for_two_causes_is_counted_after_both_have_ended(
    world: World,
) -> None:
    await world.publish(world.article(A))
    await world.order(world.withholding(A, 1))
    (incident,) = await world.withhold(A)
    await world.order(world.reinstatement(A, 2))
    assert await world.total() == 0
    await world.order(world.withholding(A, 3))
    await incidents.close_incident(world.service, incident, "olga", "looked")
    assert await world.total() == 0
    await world.order(world.reinstatement(A, 4))
    assert await world.total() == 1
    await world.must_be_exact()
