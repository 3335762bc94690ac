"""Orders that do not follow the last one: the article is withheld until compliance confirms its orders."""

from datetime import timedelta
from typing import Any

import pytest

from clawback_common.errors import Transient
from clawback_common.messaging import unconfirmed
from clawback_contracts.envelope import NUMBER_MAX
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleRemoved
from ingester.use_cases.orders import confirm, on_confirmed, on_orders
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration

A = "up:a"
HIGHEST = 2**53 - 1


async def arrive(world: World, *orders: AnyOrder) -> None:
    """Delivers orders on the topic."""
    await on_orders(world.received(orders), world.service)


async def confirm_issued(world: World, *issued: AnyOrder) -> None:
    """Asks compliance, which has issued these orders."""
    (due,) = await unconfirmed.due(world.db, world.clock.now())
    await on_confirmed(world.service, due, world.received(issued))
    assert await world.db.fetchval("SELECT count(*) FROM unconfirmed_order") == 0


async def incidents(world: World) -> list[Any]:
    return [row["kind"] for row in await world.db.fetch("SELECT kind FROM incident")]


async def test_consecutive_orders_are_applied_at_once(world: World) -> None:
    await world.submit(world.article(A))
    await arrive(world, world.revocation(A, 1))
    assert (await world.state(A), await world.held(A)) == ("revoked", set())
    await arrive(world, world.reinstatement(A, 2))
    assert await world.state(A) == "live"


async def test_a_forged_revocation_with_a_gap_withholds_is_reported_and_changes_nothing(
    world: World,
) -> None:
    await world.submit(world.article(A))
    await world.published()
    await arrive(world, world.revocation(A, HIGHEST))
    assert (await world.state(A), await world.held(A)) == ("withheld", {A})
    await confirm_issued(world)
    assert (await world.state(A), await world.text(A)) == ("live", "text")
    assert (await incidents(world), await world.alerts()) == (["order_not_issued"], ["OrderNotIssued"])
    await arrive(world, world.revocation(A, 1))
    await arrive(world, world.reinstatement(A, 2))
    assert await world.state(A) == "live"


async def test_a_forged_reinstatement_does_not_make_a_revoked_article_readable(world: World) -> None:
    await world.submit(world.article(A))
    revoked = world.revocation(A, 1)
    await arrive(world, revoked)
    forged = world.reinstatement(A, 2, revocation_id=world.revocation("up:other").revocation_id)
    await arrive(world, forged)
    await world.submit(world.article(A, "again", source_order=NUMBER_MAX))
    assert (await world.state(A), await world.held(A)) == ("revoked", set())
    await confirm_issued(world, revoked)
    assert (await world.state(A), await incidents(world)) == ("revoked", ["order_not_issued"])


async def test_an_order_after_a_lost_one_is_applied_when_compliance_has_confirmed_both(world: World) -> None:
    await world.submit(world.article(A))
    first, second = world.revocation(A, 1), world.reinstatement(A, 2)
    await arrive(world, second)
    assert (await world.state(A), await world.held(A)) == ("withheld", {A})
    await confirm_issued(world, first, second)
    assert (await world.state(A), await world.held(A), await incidents(world)) == ("live", set(), [])


async def test_no_receipt_is_sent_before_an_order_is_confirmed(world: World) -> None:
    order = world.revocation(A, 5)
    await arrive(world, order)
    assert await world.unsent(ArticleRemoved) == []
    await confirm_issued(world, order)
    assert [one.order for one in await world.unsent(ArticleRemoved)] == [5]


async def test_an_unconfirmed_order_and_a_withholding_order_end_independently(world: World) -> None:
    await world.submit(world.article(A))
    withheld = world.withholding(A, 1)
    await arrive(world, withheld)
    await arrive(world, world.revocation(A, HIGHEST))
    await confirm_issued(world, withheld)
    assert (await world.state(A), await world.text(A)) == ("withheld", "text")
    await arrive(world, world.reinstatement(A, 2))
    assert await world.state(A) == "live"


async def test_an_id_whose_embargo_ended_while_unconfirmed_is_kept(world: World) -> None:
    await world.submit(world.article(A, embargoed_until=world.clock.now() + timedelta(hours=1)))
    await arrive(world, world.revocation(A, HIGHEST))
    world.clock.advance(hours=2)
    await confirm_issued(world)
    assert [one.article_id for one in await world.published()] == [A]
    assert await world.db.fetchval("SELECT ever_published FROM article WHERE article_id = $1", A)


async def test_an_unreadable_response_about_one_article_delays_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = {f"up:{n}": world.revocation(f"up:{n}", 5) for n in range(4)}
    for order in orders.values():
        await arrive(world, order)

    async def issued(_: object, __: object, article_id: str) -> list[AnyOrder]:
        if article_id in {"up:0", "up:1"}:
            raise Transient("an unreadable response")
        return [orders[article_id]]

    monkeypatch.setattr(unconfirmed, "issued", issued)
    with pytest.raises(Transient):
        await confirm(world.service)
    assert [await world.state(one) for one in orders] == ["withheld", "withheld", "revoked", "revoked"]
    world.clock.advance(seconds=11)
    await arrive(world, world.revocation("up:9", 5))
    orders["up:9"] = world.revocation("up:9", 5)
    await confirm(world.service)
    assert await world.state("up:9") == "revoked"
