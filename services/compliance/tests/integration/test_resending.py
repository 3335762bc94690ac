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


async def _resent_in(
    world: World, minutes: int, answer: Callable[[ArticleRevoked], Awaitable[None]]
) -> list[int]:
    """Returns the minutes at which the order is resent; each resend is answered like this."""
    started, resent_at = world.clock.now(), []
    for minute in range(1, minutes + 1):
        await world.mark_sent()
        world.clock.advance(minutes=1)
        before = len(await world.events(ArticleRevoked))
        await resend_due(world.service)
        resent = (await world.events(ArticleRevoked))[before:]
        if resent:
            resent_at.append(minute)
            await answer(resent[-1])
    assert world.clock.now() == started + timedelta(minutes=minutes)
    return resent_at


async def test_an_order_is_resent_with_increasing_delays_only_to_the_holder_that_still_holds_the_article(
    world: World,
) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    await world.checked("ingester", {A: Holding.HELD})

    async def still_held(again: ArticleRevoked) -> None:
        assert again.holders == ("ingester",)
        await world.receipts(world.receipt(again, "ingester"))
        await world.checked("ingester", {A: Holding.HELD})

    assert await _resent_in(world, 150, still_held) == [1, 6, 21, 81, 141]


async def test_an_unsolicited_receipt_neither_advances_nor_delays_the_next_resend(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    for _ in range(20):
        await world.receipts(world.receipt(order, "ingester"))
        await world.checked("ingester", {A: Holding.HELD})
        await resend_due(world.service)
    assert [order.attempt for order in await world.events(ArticleRevoked)] == [1]
    await world.mark_sent()
    world.clock.advance(minutes=1)
    await resend_due(world.service)
    assert [order.attempt for order in await world.events(ArticleRevoked)] == [1, 2]


async def test_a_holder_that_still_holds_the_article_does_not_delay_a_resend_to_another(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"))
    await world.checked("ingester", {A: Holding.HELD})
    sent: dict[int, tuple[str, ...] | None] = {}
    for minute in range(1, 17):
        await world.mark_sent()
        world.clock.advance(minutes=1)
        if await resend_due(world.service):
            again = (await world.events(ArticleRevoked))[-1]
            sent[minute] = again.holders
            if again.holders and "ingester" in again.holders:
                await world.receipts(world.receipt(again, "ingester"))
                await world.checked("ingester", {A: Holding.HELD})
    assert sent == {1: ("ingester", "search"), 5: ("search",), 6: ("ingester", "search"), 15: ("search",)}


async def test_an_order_is_resent_only_to_holders_without_an_answer_and_finally_daily(world: World) -> None:
    orders = await world.revoke(A, B)
    await world.close(*orders[1:])
    await world.receipts(world.receipt(orders[0], "ingester"))
    await world.checked("ingester", {A: Holding.GONE})
    sent: list[ArticleRevoked] = []
    for _ in range(30 * 24):
        await world.mark_sent()
        world.clock.advance(hours=1)
        await resend_due(world.service)
    sent = [one for one in await world.events(ArticleRevoked) if one.attempt > 1]
    assert {(one.article_id, one.holders) for one in sent} == {(A, ("search",))}
    assert 72 <= len(sent) <= 72 + 28
