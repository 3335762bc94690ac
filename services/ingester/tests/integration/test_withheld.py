"""Articles that an order withholds: stored, but not readable or published, until a later order."""

from datetime import timedelta
from uuid import uuid4

import pytest

from clawback_common.errors import Poison
from clawback_common.messaging.quarantine import Bad
from clawback_contracts.revocation.v1 import ArticleRemoved, Outcome
from ingester.use_cases import incidents, notices, orders
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

A = "up:a"


async def outcomes(world: World) -> list[tuple[int, set[Outcome]]]:
    receipts = await world.unsent(ArticleRemoved)
    await world.mark_sent()
    return [(one.order, {part.outcome for part in one.removals}) for one in receipts]


async def unreadable_order(world: World, article_id: str) -> Bad:
    bad = Bad(
        Poison("null_value"), "ingester", "revocations.v1", event_id=str(uuid4()), subjects=(article_id,)
    )
    async with world.db.transaction() as tx:
        await orders.on_unreadable_orders(tx, [bad], world.service)
    return bad


async def published(world: World) -> list[tuple[int, int]]:
    """Returns (version, after_order) of present publications."""
    return [(one.version, one.after_order) for one in await world.published()]


async def test_a_withheld_article_is_kept_and_neither_readable_nor_published(world: World) -> None:
    await world.submit(world.article(A, source_order=1))
    await world.order(world.withholding(A, 1))
    assert (await world.state(A), await world.text(A), await published(world)) == ("withheld", "text", [])
    assert await outcomes(world) == [(1, {Outcome.WITHHELD})]
    await world.submit(world.article(A, "newer", source_order=2))
    assert (await world.state(A), await world.text(A), await published(world)) == ("withheld", "newer", [])


async def test_an_article_withheld_before_arrival_is_stored_and_not_published(world: World) -> None:
    await world.order(world.withholding(A, 1))
    await world.submit(world.article(A))
    assert (await world.state(A), await world.text(A), await published(world)) == ("withheld", "text", [])


async def test_after_a_reinstatement_it_is_published_again_as_a_newer_version(world: World) -> None:
    await world.submit(world.article(A))
    ((first, _),) = await published(world)
    await world.order(world.withholding(A, 1))
    await world.order(world.reinstatement(A, 2))
    assert (await world.state(A), await world.text(A)) == ("live", "text")
    ((version, after_order),) = await published(world)
    assert (version > first, after_order) == (True, 2)
    assert await outcomes(world) == [(1, {Outcome.WITHHELD}), (2, {Outcome.REINSTATED})]


async def test_a_revocation_removes_a_withheld_article(world: World) -> None:
    await world.submit(world.article(A))
    await world.order(world.withholding(A, 1))
    await outcomes(world)
    await world.order(world.revocation(A, 2))
    assert (await world.state(A), await world.held(A)) == ("revoked", set())
    (receipt,) = await world.unsent(ArticleRemoved)
    assert receipt.removals[0].outcome is Outcome.REMOVED
    await world.order(world.reinstatement(A, 3))
    assert (await world.text(A), await published(world)) == (None, [])


async def test_orders_in_one_batch_are_applied_in_the_order_of_their_chain(world: World) -> None:
    await world.submit(world.article(A))
    await world.order(world.reinstatement(A, 2), world.withholding(A, 1))
    assert (await world.state(A), await world.text(A)) == ("live", "text")
    await world.order(world.withholding(A, 3), world.revocation(A, 4), world.reinstatement(A, 5))
    assert (await world.state(A), await world.text(A)) == ("live", None)


async def test_an_unreadable_order_still_withholds_after_a_reinstatement(world: World) -> None:
    await world.submit(world.article(A))
    await world.order(world.withholding(A, 1))
    bad = await unreadable_order(world, A)
    await world.order(world.reinstatement(A, 2))
    assert (await world.state(A), await published(world)) == ("withheld", [])
    await incidents.close_incident(world.service, bad.id, "olga", "looked")
    assert await world.state(A) == "live"
    assert [after_order for _, after_order in await published(world)] == [2]


async def test_closing_an_incident_does_not_release_an_article_that_an_order_withholds(world: World) -> None:
    await world.submit(world.article(A))
    bad = await unreadable_order(world, A)
    await world.order(world.withholding(A, 1))
    await incidents.close_incident(world.service, bad.id, "olga", "looked")
    assert (await world.state(A), await published(world)) == ("withheld", [])
    await world.order(world.reinstatement(A, 2))
    assert await world.state(A) == "live"


async def test_an_embargo_continues_after_a_reinstatement(world: World) -> None:
    await world.submit(world.article(A, embargoed_until=world.clock.now() + timedelta(hours=1)))
    await world.order(world.withholding(A, 1))
    await world.order(world.reinstatement(A, 2))
    assert (await world.state(A), await published(world)) == ("embargoed", [])
    world.clock.advance(hours=2)
    await notices.on_time(world.service)
    assert await world.state(A) == "live"
    assert [after_order for _, after_order in await published(world)] == [2]
