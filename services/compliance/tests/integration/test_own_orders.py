"""Orders that a restored database lost are recovered from the topic before a number is issued."""

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
FORGOTTEN = "TRUNCATE article, revocation, obligation, notice, poll_notice, receipt, outbox_orders"


async def arrive(world: World, orders: Sequence[AnyOrder]) -> None:
    """Delivers orders of our own topic in one batch."""
    await own_orders.on_own_orders(world.received(orders), world.service)


async def restored(world: World) -> list[AnyOrder]:
    """Restores the database to a state before a sent revocation and its reinstatement. Returns the sent orders."""
    (order,) = await world.revoke(A)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    sent: list[AnyOrder] = await world.unsent(ArticleRevoked, ArticleReinstated)
    await world.db.execute(FORGOTTEN)
    return sent


async def test_lost_orders_are_recovered_and_the_next_number_is_above_them(world: World) -> None:
    sent = await restored(world)
    await arrive(world, sent)
    (order,) = await world.revoke(A)
    last = max(one.order for one in sent)
    assert (order.previous_order, order.order > last) == (last, True)
    rows = await world.db.fetch("SELECT kind, lifts IS NOT NULL AS lifts FROM revocation ORDER BY order_no")
    assert [tuple(row) for row in rows] == [("revoked", False), ("reinstated", True), ("revoked", False)]


async def test_a_notice_that_a_recovered_order_answers_revokes_nothing_twice(world: World) -> None:
    notice = world.notice(A)
    await world.notices(notice)
    (order,) = await world.unsent(ArticleRevoked)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    sent: list[AnyOrder] = await world.unsent(ArticleRevoked, ArticleReinstated)
    await world.db.execute(FORGOTTEN)
    await arrive(world, sent)
    await world.notices(notice)
    assert await world.db.fetchval("SELECT state FROM article WHERE article_id = $1", A) == "live"


async def test_a_recovered_order_is_owed_and_sent_again_at_once(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(FORGOTTEN)
    await arrive(world, [order])
    assert await world.states(A) == {(1, "ingester"): "open", (1, "search"): "open", (1, "kafka"): "open"}
    assert await resend_due(world.service) == 1
    (again,) = await world.unsent(ArticleRevoked)
    assert (again.revocation_id, again.order) == (order.revocation_id, order.order)
    assert await world.alerts() == ["OrdersRecovered"]


async def test_what_is_known_changes_nothing(world: World) -> None:
    (order,) = await world.revoke(A)
    before = await world.db.fetch("SELECT * FROM revocation")
    await arrive(world, [order, order.model_copy(update={"attempt": 2})])
    assert await world.db.fetch("SELECT * FROM revocation") == before
    assert await world.alerts() == []


async def test_an_order_far_in_the_future_was_not_issued_by_us_and_is_an_incident(world: World) -> None:
    (order,) = await world.revoke(A)
    await arrive(world, [order.model_copy(update={"order": 2**53 - 1})])
    (again,) = await world.revoke(A)
    assert again.order == order.order
    assert await world.db.fetchval("SELECT kind FROM incident") == "order_not_issued"
    assert await world.alerts() == ["UnreadableRevocationRecord"]


async def test_a_lost_withholding_is_recovered_and_ended_by_the_next_order(world: World) -> None:
    withheld = world.withholding(A, world.number, previous_order=0)
    await arrive(world, [withheld])
    row = await world.db.fetchrow("SELECT state, order_no, revocation_id FROM article")
    assert tuple(row or ()) == ("withheld", withheld.order, withheld.revocation_id)
    assert await world.states(A) == {(1, "ingester"): "open"}  # only stores owe an answer
    (order,) = await world.revoke(A)
    assert order.previous_order == withheld.order
    assert await world.db.fetchval("SELECT state FROM article") == "revoked"


async def test_a_reinstatement_whose_revocation_nobody_knows_any_more_raises_the_number_alone(
    world: World,
) -> None:
    reinstated = world.reinstatement(A, world.number)
    await arrive(world, [reinstated])
    assert await world.db.fetchval("SELECT count(*) FROM revocation") == 0
    (order,) = await world.revoke(A)
    assert order.previous_order == reinstated.order < order.order


@pytest.mark.parametrize(("sender", "known"), [("compliance", True), ("ingester", False), (None, False)])
async def test_with_authentication_only_what_compliance_has_signed_is_known_again(
    world: World, sender: str | None, *, known: bool
) -> None:
    strict = replace(world.service, settings=world.service.settings.model_copy(update={"enable_auth": True}))
    (one,) = world.received([world.revocation(A, world.number, previous_order=0)])
    caller = Caller(sender, frozenset()) if sender else None
    await own_orders.on_own_orders([one._replace(sender=caller)], strict)
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
    for issuing in (
        world.notices(world.notice("metabase:2")),
        requests.carry_out_all(world.service),
        reinstate(order.revocation_id, "officer", "an error", world.service),
    ):
        with pytest.raises(Transient):
            await issuing
    assert await world.db.fetchval("SELECT count(*) FROM revocation") == before


async def test_what_a_store_of_ours_calls_superseded_is_revoked_again_above_it(world: World) -> None:
    (order,) = await world.revoke(A)
    world.clock.advance(minutes=1)
    await world.receipts(world.receipt(order, "ingester", outcome=Outcome.SUPERSEDED))
    _, again = await world.unsent(ArticleRevoked)
    assert (again.previous_order, again.order) == (order.order, world.number)
    assert (await world.states(A))[2, "ingester"] == "open"


async def test_a_receipt_is_handled_only_when_what_it_contradicts_is_ordered_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order,) = await world.revoke(A)
    superseded = world.receipt(order, "ingester", outcome=Outcome.SUPERSEDED)
    before = await offsets.stored(world.db, "compliance")
    with monkeypatch.context() as killing:
        killing.setattr("compliance.use_cases.receipts.reissue", _killed)
        with pytest.raises(asyncio.CancelledError):
            await world.receipts(superseded)
    assert await world.db.fetchval("SELECT count(*) FROM receipt") == 1
    assert await offsets.stored(world.db, "compliance") == before
    await world.receipts(superseded)
    assert len(await world.unsent(ArticleRevoked)) == 2
    assert await offsets.stored(world.db, "compliance") != before


async def _killed(*_: object) -> None:
    raise asyncio.CancelledError


async def test_a_receipt_for_an_unknown_higher_number_raises_the_known_one(world: World) -> None:
    (order,) = await world.revoke(A)
    later = order.model_copy(update={"order": order.order + 5})
    await world.receipts(world.receipt(later, "ingester"))
    _, again = await world.unsent(ArticleRevoked)
    assert (again.previous_order, again.order) == (order.order + 5, order.order + 6)


async def test_what_only_a_store_of_ours_was_ordered_to_remove_is_revoked_above_that(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(FORGOTTEN)
    answer = world.receipt(order, "ingester")
    await world.receipts(answer)
    await world.receipts(answer)
    (again,) = await world.unsent(ArticleRevoked)
    assert (again.previous_order, again.order > order.order) == (order.order, True)
    assert (await world.states(A))[1, "search"] == "open"


@pytest.mark.parametrize("outcome", [Outcome.REINSTATED, Outcome.WITHHELD])
async def test_a_lost_order_that_removed_nothing_revokes_nothing(world: World, outcome: Outcome) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(FORGOTTEN)
    await world.receipts(world.receipt(order, "ingester", outcome=outcome))
    assert await world.unsent(ArticleRevoked) == []


async def test_an_order_that_only_a_consumer_knows_revokes_nothing(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.db.execute(FORGOTTEN)
    await world.receipts(world.receipt(order, "search"))
    assert await world.unsent(ArticleRevoked) == []


async def test_a_consumer_makes_nobody_order_again(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search", outcome=Outcome.SUPERSEDED))
    assert len(await world.unsent(ArticleRevoked)) == 1


async def test_a_receipt_for_an_older_order_that_was_deleted_orders_nothing_again(world: World) -> None:
    (order,) = await world.revoke(A)
    older = order.model_copy(update={"order": order.order - 5})
    await world.receipts(world.receipt(older, "ingester"))
    assert len(await world.unsent(ArticleRevoked)) == 1
