"""Open orders are resent: to which holders, and when."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from clawback_contracts.holder.v1 import Holding
from clawback_contracts.revocation.v1 import ArticleRevoked
from compliance.use_cases.orders import resend_due
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"


async def _sent_in(
    world: World, minutes: int, answer: Callable[[ArticleRevoked], Awaitable[None]]
) -> list[int]:
    """Returns the minutes at which the order is resent, with these answers to each sending."""
    begun, moments = world.clock.now(), []
    for minute in range(1, minutes + 1):
        await world.mark_sent()
        world.clock.advance(minutes=1)
        before = len(await world.unsent(ArticleRevoked))
        await resend_due(world.service)
        said = (await world.unsent(ArticleRevoked))[before:]
        if said:
            moments.append(minute)
            await answer(said[-1])
    assert world.clock.now() == begun + timedelta(minutes=minutes)
    return moments


async def test_a_holder_that_still_holds_it_is_sent_the_order_less_and_less_often_and_alone(
    world: World,
) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    await world.checked("ingester", {A: Holding.HELD})

    async def deny(again: ArticleRevoked) -> None:
        assert again.holders == ("ingester",)
        await world.receipts(world.receipt(again, "ingester"))
        await world.checked("ingester", {A: Holding.HELD})

    assert await _sent_in(world, 150, deny) == [1, 6, 21, 81, 141]


async def test_a_receipt_without_being_asked_neither_hurries_nor_postpones_the_next_sending(
    world: World,
) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    for _ in range(20):
        await world.receipts(world.receipt(order, "ingester"))
        await world.checked("ingester", {A: Holding.HELD})
        await resend_due(world.service)
    assert [order.attempt for order in await world.unsent(ArticleRevoked)] == [1]
    await world.mark_sent()
    world.clock.advance(minutes=1)
    await resend_due(world.service)
    assert [order.attempt for order in await world.unsent(ArticleRevoked)] == [1, 2]


async def test_one_that_still_holds_it_postpones_no_sending_to_another(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"))
    await world.checked("ingester", {A: Holding.HELD})
    seen: dict[int, tuple[str, ...] | None] = {}
    for minute in range(1, 17):
        await world.mark_sent()
        world.clock.advance(minutes=1)
        if await resend_due(world.service):
            again = (await world.unsent(ArticleRevoked))[-1]
            seen[minute] = again.holders
            if again.holders and "ingester" in again.holders:
                await world.receipts(world.receipt(again, "ingester"))
                await world.checked("ingester", {A: Holding.HELD})
    assert seen == {1: ("ingester", "search"), 5: ("search",), 6: ("ingester", "search"), 15: ("search",)}


async def test_an_order_is_sent_again_to_those_who_owe_an_answer_and_daily_in_the_end(world: World) -> None:
    orders = await world.revoke(A, B)
    await world.close(*orders[1:])
    await world.receipts(world.receipt(orders[0], "ingester"))
    await world.checked("ingester", {A: Holding.GONE})
    sent: list[ArticleRevoked] = []
    for _ in range(30 * 24):
        await world.mark_sent()
        world.clock.advance(hours=1)
        await resend_due(world.service)
    sent = [one for one in await world.unsent(ArticleRevoked) if one.attempt > 1]
    assert {(one.article_id, one.holders) for one in sent} == {(A, ("search",))}
    assert 72 <= len(sent) <= 72 + 28
