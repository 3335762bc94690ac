"""Orders that a restored database lost are recovered from the topic before a new order is issued."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from clawback_common.errors import Transient
from clawback_common.http.api_keys import Caller
from clawback_common.kafka import offsets
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, Outcome
from compliance.use_cases import own_orders, requests
from compliance.use_cases.orders import reinstate, resend_due
from compliance.use_cases.service import Service
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration

A = "metabase:1"
LOSE_ORDERS = "TRUNCATE article, revocation, obligation, notice, poll_notice, receipt, outbox_priority"


async def receive(world: World, orders: Sequence[AnyOrder]) -> None:
    """Delivers orders of our own topic in one batch."""
    await own_orders.on_own_orders(world.received(orders), world.service)


async def restored(world: World) -> list[AnyOrder]:
    """Restores the database to a state before a sent revocation and its reinstatement; returns the sent orders."""
    (order,) = await world.revoke(A)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    sent: list[AnyOrder] = await world.events(ArticleRevoked, ArticleReinstated)
    await world.db.execute(LOSE_ORDERS)
    return sent


async def test_lost_orders_are_recovered_and_the_next_number_is_above_them(world: World) -> None:
    sent = await restored(world)
    await receive(world, sent)
    (order,) = await world.revoke(A)
    last = max(one.order for one in sent)
    assert (order.previous_order, order.order > last) == (last, True)
    rows = await world.db.fetch(
        "SELECT kind, reinstates IS NOT NULL AS reinstates FROM revocation ORDER BY order_no"
    )
    assert [tuple(row) for row in rows] == [("revoked", False), ("reinstated", True), ("revoked", False)]


async def test_a_notice_of_a_recovered_order_does_not_revoke_again(world: World) -> None:
    notice = world.notice(A)
    await world.notices(notice)
    (order,) = await world.events(ArticleRevoked)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    sent: list[AnyOrder] = await world.events(ArticleRevoked, ArticleReinstated)
    await world.db.execute(LOSE_ORDERS)
    await receive(world, sent)
    await world.notices(notice)
    assert await world.db.fetchval("SELECT state FROM article WHERE article_id = $1", A) == "live"


async def test_a_recovered_order_obliges_its_holders_and_is_resent_immediately(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(LOSE_ORDERS)
    await receive(world, [order])
    assert await world.states(A) == {(1, "ingester"): "open", (1, "search"): "open", (1, "kafka"): "open"}
    assert await resend_due(world.service) == 1
    (again,) = await world.events(ArticleRevoked)
    assert (again.revocation_id, again.order) == (order.revocation_id, order.order)
    assert await world.alerts() == ["OrdersRecovered"]


async def test_a_known_order_changes_nothing(world: World) -> None:
    (order,) = await world.revoke(A)
    before = await world.db.fetch("SELECT * FROM revocation")
    await receive(world, [order, order.model_copy(update={"attempt": 2})])
    assert await world.db.fetch("SELECT * FROM revocation") == before
    assert await world.alerts() == []


async def test_an_order_far_in_the_future_was_not_issued_by_us_and_is_an_incident(world: World) -> None:
    (order,) = await world.revoke(A)
    await receive(world, [order.model_copy(update={"order": 2**53 - 1})])
    (again,) = await world.revoke(A)
    assert again.order == order.order
    assert await world.db.fetchval("SELECT kind FROM incident") == "order_not_issued"
    assert await world.alerts() == ["UnreadableRevocationRecord"]


async def test_a_lost_withholding_is_recovered_and_ended_by_the_next_order(world: World) -> None:
    withheld = world.withholding(A, world.number, previous_order=0)
    await receive(world, [withheld])
    row = await world.db.fetchrow("SELECT state, order_no, revocation_id FROM article")
    assert tuple(row or ()) == ("withheld", withheld.order, withheld.revocation_id)
    assert await world.states(A) == {(1, "ingester"): "open"}  # only stores must answer
    (order,) = await world.revoke(A)
    assert order.previous_order == withheld.order
    assert await world.db.fetchval("SELECT state FROM article") == "revoked"


async def test_a_recovered_reinstatement_without_its_revocation_only_raises_the_number(world: World) -> None:
    reinstated = world.reinstatement(A, world.number)
    await receive(world, [reinstated])
    assert await world.db.fetchval("SELECT count(*) FROM revocation") == 0
    (order,) = await world.revoke(A)
    assert order.previous_order == reinstated.order < order.order


@pytest.mark.parametrize(("sender", "known"), [("compliance", True), ("ingester", False), (None, False)])
async def test_with_authentication_only_orders_signed_by_compliance_are_recovered(
    world: World, sender: str | None, *, known: bool
) -> None:
    service = replace(world.service, settings=world.service.settings.model_copy(update={"enable_auth": True}))
    (one,) = world.received([world.revocation(A, world.number, previous_order=0)])
    caller = Caller(sender, frozenset()) if sender else None
    await own_orders.on_own_orders([one._replace(sender=caller)], service)
    kinds = [row["kind"] for row in await world.db.fetch("SELECT kind FROM incident")]
    assert kinds == ([] if known else ["order_not_issued"])
    assert await world.db.fetchval("SELECT count(*) FROM revocation") == int(known)


async def test_nothing_is_issued_before_our_own_orders_are_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = await world.revoke(A)
    before = await world.db.fetchval("SELECT count(*) FROM revocation")

    async def behind(_: object) -> None:
        raise Transient("not read yet")

    monkeypatch.setattr(Service, "require_own_orders", behind)
    for operation in (
        world.notices(world.notice("metabase:2")),
        requests.carry_out_all(world.service),
        reinstate(order.revocation_id, "officer", "an error", world.service),
    ):
        with pytest.raises(Transient):
            await operation
    assert await world.db.fetchval("SELECT count(*) FROM revocation") == before


async def test_an_order_that_our_store_reports_as_superseded_is_issued_again_above_it(world: World) -> None:
    (order,) = await world.revoke(A)
    world.clock.advance(minutes=1)
    await world.receipts(world.receipt(order, "ingester", outcome=Outcome.SUPERSEDED))
    _, again = await world.events(ArticleRevoked)
    assert (again.previous_order, again.order) == (order.order, world.number)
    assert (await world.states(A))[2, "ingester"] == "open"


async def test_a_contradicting_receipt_is_processed_only_when_its_order_is_reissued(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = await world.revoke(A)
    superseded = world.receipt(order, "ingester", outcome=Outcome.SUPERSEDED)
    before = await offsets.stored(world.db, "compliance")
    with monkeypatch.context() as patch:
        patch.setattr("compliance.use_cases.receipts.reissue", _killed)
        with pytest.raises(asyncio.CancelledError):
            await world.receipts(superseded)
    assert await world.db.fetchval("SELECT count(*) FROM receipt") == 1
    assert await offsets.stored(world.db, "compliance") == before
    await world.receipts(superseded)
    assert len(await world.events(ArticleRevoked)) == 2
    assert await offsets.stored(world.db, "compliance") != before


async def _killed(*_: object) -> None:
    raise asyncio.CancelledError


async def test_a_receipt_for_an_unknown_higher_number_raises_the_known_one(world: World) -> None:
    (order,) = await world.revoke(A)
    later = order.model_copy(update={"order": order.order + 5})
    await world.receipts(world.receipt(later, "ingester"))
    _, again = await world.events(ArticleRevoked)
    assert (again.previous_order, again.order) == (order.order + 5, order.order + 6)


async def test_a_lost_removal_known_only_to_our_store_is_ordered_again_above_it(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(LOSE_ORDERS)
    receipt = world.receipt(order, "ingester")
    await world.receipts(receipt)
    await world.receipts(receipt)
    (again,) = await world.events(ArticleRevoked)
    assert (again.previous_order, again.order > order.order) == (order.order, True)
    assert (await world.states(A))[1, "search"] == "open"


@pytest.mark.parametrize("outcome", [Outcome.REINSTATED, Outcome.WITHHELD])
async def test_a_lost_order_that_removed_nothing_revokes_nothing(world: World, outcome: Outcome) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(LOSE_ORDERS)
    await world.receipts(world.receipt(order, "ingester", outcome=outcome))
    assert await world.events(ArticleRevoked) == []


async def test_an_order_known_only_to_a_consumer_revokes_nothing(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(LOSE_ORDERS)
    await world.receipts(world.receipt(order, "search"))
    assert await world.events(ArticleRevoked) == []


async def test_a_receipt_of_a_consumer_reissues_no_order(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search", outcome=Outcome.SUPERSEDED))
    assert len(await world.events(ArticleRevoked)) == 1


async def test_a_receipt_for_a_deleted_older_order_reissues_no_order(world: World) -> None:
    (order,) = await world.revoke(A)
    older = order.model_copy(update={"order": order.order - 5})
    await world.receipts(world.receipt(older, "ingester"))
    assert len(await world.events(ArticleRevoked)) == 1
