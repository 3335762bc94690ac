"""From notices to orders, and from receipts to verified obligations, on a real database."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from typing_extensions import override

from clawback_common.errors import Conflict, Poison
from clawback_common.service.waking import Waker
from clawback_contracts.holder.v1 import Holding
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, Outcome
from compliance.domain.obligation import ReceiptOutcome
from compliance.domain.request import Request, RequestKind
from compliance.storage import revocations
from compliance.use_cases import holders, receipts, requests
from compliance.use_cases.orders import on_notices, reinstate, resend_due
from services.compliance.tests.integration.conftest import LIVE, SEARCH, World

pytestmark = pytest.mark.integration
A, B, C = "metabase:1", "metabase:2", "metabase:3"


async def test_a_notice_becomes_an_order_that_cites_it_and_obliges_every_holder(world: World) -> None:
    notice = world.notice(A, revoked_at=world.ago(hours=2))
    await world.notices(notice)
    (order,) = await world.events(ArticleRevoked)
    assert (order.article_id, order.order, order.notice_ids) == (
        A,
        world.number,
        (notice.notice_id,),
    )
    assert (order.clock_started_at, order.due_at) == (world.ago(hours=2), world.ago(hours=-22))
    assert await world.states(A) == {(1, "ingester"): "open", (1, "search"): "open", (1, "kafka"): "open"}


async def test_several_notices_of_one_article_in_one_batch_are_one_order(world: World) -> None:
    await world.notices(*(world.notice(A) for _ in range(3)), world.notice(B))
    orders = await world.events(ArticleRevoked)
    assert sorted((order.article_id, len(order.notice_ids)) for order in orders) == [(A, 3), (B, 1)]


async def test_a_repeated_notice_resends_its_order(world: World) -> None:
    notice = world.notice(A)
    await world.notices(notice)
    await world.notices(notice)
    first, again = await world.events(ArticleRevoked)
    assert (first.attempt, again.order, again.attempt) == (1, first.order, 2)
    assert again.notice_ids == (notice.notice_id,)
    assert again.revocation_id == first.revocation_id


async def test_a_repeated_batch_after_a_crash_issues_no_second_order(world: World) -> None:
    batch = world.received([world.notice(A), world.notice(B)])
    await on_notices(batch, world.service)
    await on_notices(batch, world.service)
    assert {order.order for order in await world.events(ArticleRevoked)} == {world.number}
    assert await world.db.fetchval("SELECT count(*) FROM notice") == 2


async def test_the_offset_is_stored_with_the_effect_of_the_batch(world: World) -> None:
    await world.notices(world.notice(A), world.notice(B))
    assert (
        await world.db.fetchval("SELECT next_offset FROM consumer_offset WHERE topic LIKE '%notices%'") == 2
    )


async def test_an_earlier_revocation_time_shortens_the_deadline_of_open_obligations(world: World) -> None:
    await world.revoke(A)
    await world.notices(world.notice(A, revoked_at=world.ago(hours=5)))
    again = (await world.events(ArticleRevoked))[-1]
    assert again.due_at == world.ago(hours=-19)
    rows = await world.db.fetch("SELECT DISTINCT due_at FROM obligation WHERE kind <> 'expiry'")
    assert [row["due_at"] for row in rows] == [world.ago(hours=-19)]


async def test_concurrent_batches_on_the_same_articles_issue_one_order_per_article(world: World) -> None:
    ids = [f"metabase:{n}" for n in range(40)]
    batches = [world.received([world.notice(one) for one in order]) for order in (ids, ids[::-1], ids)]
    await asyncio.gather(*(on_notices(batch, world.service) for batch in batches))
    rows = await world.db.fetch("SELECT article_id, count(*) AS orders FROM revocation GROUP BY 1")
    assert {row["article_id"]: row["orders"] for row in rows} == dict.fromkeys(ids, 1)


async def test_an_obligation_of_a_store_is_verified_by_its_holdings_not_by_its_receipt(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    assert await world.states(A) == {
        (1, "ingester"): "removed",
        (1, "search"): "verified",
        (1, "kafka"): "open",
    }
    assert await world.closed(order.revocation_id) is None
    await world.checked("ingester", {A: Holding.GONE})
    assert (await world.states(A))[1, "ingester"] == "verified"
    assert await world.closed(order.revocation_id) == world.clock.now()


async def test_a_receipt_wakes_the_verifier_only_after_its_commit(world: World) -> None:
    (order,) = await world.revoke(A)
    wakes: list[int] = []

    class CountingWaker(Waker):
        @override
        def wake(self) -> None:
            wakes.append(1)

    service = replace(world.service, verifiers=CountingWaker())
    await receipts.on_receipts(world.received([world.receipt(order, "search")]), service)
    assert wakes == []
    unstorable = [one._replace(offset=2**63) for one in world.received([world.receipt(order, "ingester")])]
    with pytest.raises(Poison):
        await receipts.on_receipts(unstorable, service)
    assert wakes == []
    await receipts.on_receipts(world.received([world.receipt(order, "ingester")]), service)
    assert wakes == [1]


@pytest.mark.parametrize("answer", [Holding.UNKNOWN, None])
async def test_unknown_counts_as_not_removed(world: World, answer: Holding | None) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"))
    await world.checked("ingester", {A: answer} if answer else {})
    assert (await world.states(A))[1, "ingester"] == "removed"


async def test_a_removal_that_is_still_held_is_reopened_and_alerted(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    await world.checked("ingester", {A: Holding.HELD})
    assert (await world.states(A))[1, "ingester"] == "open"
    assert [order.attempt for order in await world.events(ArticleRevoked)] == [1]
    assert await world.alerts() == ["RemovedButStillHeld"]


async def test_a_store_that_reports_controls_as_gone_verifies_nothing(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"))
    await world.checked("ingester", {A: Holding.GONE}, controls=LIVE, missed=LIVE[:1])
    assert (await world.states(A))[1, "ingester"] == "removed"
    assert await world.alerts() == ["StoreAnswersWrongly"]


async def test_a_partial_receipt_keeps_the_obligation_open(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search", {"content": Outcome.REMOVED}))
    assert (await world.states(A))[1, "search"] == "notified"


async def test_a_receipt_of_an_unknown_holder_or_order_is_recorded_and_alerted(world: World) -> None:
    (order,) = await world.revoke(A)
    stray = order.model_copy(update={"order": 7})
    await world.receipts(world.receipt(order, "unknown"), world.receipt(stray, "search"))
    rows = await world.db.fetch("SELECT meaning FROM receipt ORDER BY meaning")
    assert [row["meaning"] for row in rows] == [ReceiptOutcome.NOT_OBLIGED, ReceiptOutcome.UNKNOWN_ORDER]
    assert await world.alerts() == ["StrayReceipt", "StrayReceipt"]


async def test_a_lost_receipt_is_recovered_by_resending_the_order(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.mark_sent()
    world.clock.advance(minutes=1)
    assert await resend_due(world.service) == 1
    again = (await world.events(ArticleRevoked))[-1]
    await world.close(again)
    assert await world.closed(order.revocation_id) is not None
    await world.mark_sent()
    world.clock.advance(hours=10)
    assert await resend_due(world.service) == 0


async def test_an_open_order_is_sent_after_1_5_and_15_minutes_and_then_hourly(world: World) -> None:
    await world.revoke(A)
    started, resent_at = world.clock.now(), []
    for _ in range(150):
        await world.mark_sent()
        world.clock.advance(minutes=1)
        if await resend_due(world.service):
            resent_at.append((world.clock.now() - started).total_seconds() / 60)
    assert resent_at == [1, 5, 15, 60, 120]


async def test_an_order_that_waits_in_the_outbox_is_not_queued_again(world: World) -> None:
    await world.revoke(A)
    world.clock.advance(hours=5)
    assert await resend_due(world.service) == 0


async def test_a_reinstatement_has_the_next_number_and_supersedes_open_obligations(world: World) -> None:
    (order,) = await world.revoke(A)
    reinstatement = await reinstate(order.revocation_id, "officer", "an error", world.service)
    (reinstated,) = await world.events(ArticleReinstated)
    assert (reinstated.order, reinstated.previous_order, reinstated.revocation_id) == (
        reinstatement.order_no,
        order.order,
        order.revocation_id,
    )
    assert reinstatement.order_no > order.order
    states = await world.states(A)
    assert {states[1, name] for name in ("ingester", "search", "kafka")} == {"superseded"}
    assert states[2, "search"] == "open"
    assert (2, "kafka") not in states
    await world.receipts(
        *(world.receipt(reinstated, name, outcome=Outcome.REINSTATED) for name in ("ingester", "search"))
    )
    assert set((await world.states(A)).values()) == {"superseded", "verified"}


async def test_only_the_order_in_force_can_be_reinstated_and_only_once(world: World) -> None:
    (order,) = await world.revoke(A)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    with pytest.raises(Conflict):
        await reinstate(order.revocation_id, "officer", "an error", world.service)
    with pytest.raises(Conflict):
        await reinstate(uuid4(), "officer", "an error", world.service)


async def test_after_a_reinstatement_an_old_notice_only_resends_and_a_new_one_revokes(world: World) -> None:
    notice = world.notice(A)
    await world.notices(notice)
    (order,) = await world.events(ArticleRevoked)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    await world.notices(notice)
    await world.notices(world.notice(A))
    first = world.number
    assert [(one.order, one.attempt) for one in await world.events(ArticleRevoked)] == [
        (first, 1),
        (first, 2),
        (first + 2, 1),
    ]
    assert (await world.states(A))[2, "search"] == "superseded"


async def test_a_late_receipt_for_a_superseded_order_changes_nothing(world: World) -> None:
    (order,) = await world.revoke(A)
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    await world.receipts(world.receipt(order, "search"))
    assert (await world.states(A))[1, "search"] == "superseded"


async def test_notices_past_their_deadline_are_backlog_with_one_summary(world: World) -> None:
    late = [world.notice(f"metabase:{n}", revoked_at=world.ago(hours=30)) for n in range(50)]
    await world.notices(*late, world.notice("metabase:fresh"))
    assert await world.alerts() == ["RevocationBacklog"]
    assert await world.db.fetchval("SELECT count(*) FROM notice WHERE backlog") == 50
    assert await world.db.fetchval("SELECT count(*) FROM revocation WHERE backlog") == 50


async def test_an_expiry_obligation_closes_by_time_and_keeps_no_order_open(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.close(order)
    assert await world.closed(order.revocation_id) is not None
    assert (await world.states(A))[1, "kafka"] == "open"
    from compliance.use_cases.watching import watch_time  # noqa: PLC0415

    world.clock.advance(hours=7)
    await watch_time(world.service)
    assert (await world.states(A))[1, "kafka"] == "open"
    world.clock.advance(hours=1)
    await watch_time(world.service)
    assert (await world.states(A))[1, "kafka"] == "verified"


async def test_the_expiry_on_the_brokers_counts_from_the_time_the_publisher_holds_no_copy(
    world: World,
) -> None:
    from compliance.use_cases.watching import watch_time  # noqa: PLC0415

    (order,) = await world.revoke(A)
    world.clock.advance(hours=20)
    await watch_time(world.service)
    assert (await world.states(A))[1, "kafka"] == "open"
    await world.close(order)
    world.clock.advance(hours=7)
    await watch_time(world.service)
    assert (await world.states(A))[1, "kafka"] == "open"
    world.clock.advance(hours=1)
    await watch_time(world.service)
    assert (await world.states(A))[1, "kafka"] == "verified"
    due = await world.db.fetchval("SELECT due_at FROM obligation WHERE holder = 'kafka'")
    assert due == order.ordered_at + timedelta(hours=28)


async def test_a_new_holder_is_obliged_for_articles_that_may_still_be_on_the_brokers(world: World) -> None:
    (expired,) = await world.revoke(A)
    await world.close(expired)
    world.clock.advance(hours=9)
    (recent,) = await world.revoke(B)
    await world.close(recent)
    await world.mark_sent()
    rag = SEARCH.model_copy(update={"name": "rag", "group": "rag"})
    await holders.holder_registered(rag, "operator", world.service)
    assert (1, "rag") not in await world.states(A)
    assert (await world.states(B))[1, "rag"] == "open"
    assert await resend_due(world.service) == 1


async def test_a_holder_with_open_obligations_leaves_only_with_a_second_person_and_keeps_them(
    world: World,
) -> None:
    await world.revoke(A)
    assert not await holders.holder_left("search", "operator", world.service)
    now = world.clock.now()
    made = Request(
        request_id=uuid4(),
        kind=RequestKind.REMOVE_HOLDER,
        entry="http",
        article_ids=(),
        holder="search",
        reason="ended",
        made_by="operator",
        made_at=now,
        expires_at=now + world.service.request_expiry,
    )
    await requests.requested(made, world.service)
    await requests.carry_out_all(world.service)
    assert await world.db.fetchval("SELECT status FROM holder WHERE name = 'search'") == "active"
    await requests.request_confirmed(made.request_id, "second", None, world.service, articles_seen=None)
    await world.revoke(B)
    assert (await world.states(A))[1, "search"] == "open"
    assert (1, "search") not in await world.states(B)


async def test_an_order_obliges_a_holder_that_registers_concurrently(world: World) -> None:
    for round_ in range(15):
        name, article_id = f"late-{round_}", f"metabase:r{round_}"
        registration = SEARCH.model_copy(update={"name": name, "group": name})
        await asyncio.gather(
            holders.holder_registered(registration, "operator", world.service),
            world.notices(world.notice(article_id)),
        )
        assert (1, name) in await world.states(article_id)


async def test_a_repeated_registration_changes_nothing(world: World) -> None:
    await holders.holder_registered(SEARCH, "operator", world.service)
    assert await world.db.fetchval("SELECT count(*) FROM holder_change WHERE name = 'search'") == 1


async def test_the_feed_of_orders_skips_no_order_that_is_not_committed_yet(world: World) -> None:
    feed = revocations.CommittedFeed(world.db)
    await world.revoke(A)
    async with world.db.transaction() as slow:
        await slow.execute("SELECT pg_advisory_xact_lock_shared($1)", 0x686F6C64)
        await slow.execute("SELECT nextval(pg_get_serial_sequence('revocation', 'seq'))")
        await world.revoke(B)
        reading = asyncio.create_task(feed.feed(0, 10, world.clock.now()))
        await asyncio.sleep(0.1)
        assert not reading.done()
    assert [row["article_id"] for row in await reading] == [A, B]


async def test_concurrent_receipts_and_notices_do_not_deadlock(world: World) -> None:
    ids = [f"metabase:{n}" for n in range(30)]
    orders = await world.revoke(*ids)
    again = [world.notice(one) for one in ids]
    await asyncio.gather(
        world.notices(*again),
        world.receipts(*(world.receipt(order, "ingester") for order in orders)),
        world.receipts(*(world.receipt(order, "search") for order in reversed(orders))),
        resend_due(world.service),
    )
    await world.checked("ingester", dict.fromkeys(ids, Holding.GONE))
    assert await world.db.fetchval("SELECT count(*) FROM revocation WHERE closed_at IS NULL") == 0


async def test_a_reinstatement_locks_the_orders_of_its_article_in_the_order_of_their_ids(
    world: World,
) -> None:
    """In the same order as receipts: otherwise they could deadlock, and the officer's request would fail."""
    ids = [f"metabase:{n}" for n in range(16)]
    first = await world.revoke(*ids)
    for one in first:
        await reinstate(one.revocation_id, "officer", "by mistake", world.service)
    pairs = zip(first, await world.revoke(*ids), strict=True)
    low, high = next(
        (a.revocation_id, b.revocation_id) for a, b in pairs if a.revocation_id < b.revocation_id
    )
    async with world.db.transaction() as other:
        await revocations.lock_orders(other, [low])
        reinstating = asyncio.create_task(reinstate(high, "officer", "by mistake", world.service))
        await _until_waiting(world)
        await other.execute("SELECT FROM revocation WHERE revocation_id = $1 FOR NO KEY UPDATE NOWAIT", high)
    assert (await reinstating).reinstates == high


async def _until_waiting(world: World) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while not await world.db.fetchval(waiting):  # noqa: ASYNC110 - PostgreSQL does not notify of lock waits
        await asyncio.sleep(0.01)
