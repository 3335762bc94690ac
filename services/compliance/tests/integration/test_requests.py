"""Requests: articles are withheld at once, a second person decides, and the request is carried out."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID, uuid4

import pytest

from clawback_common.errors import Conflict
from clawback_common.http.api_keys import Caller
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRevoked,
    ArticleWithheld,
    Outcome,
    RevocationNoticed,
)
from compliance.domain.order import RECOVERED
from compliance.domain.request import Request, RequestKind
from compliance.use_cases import requests, watching
from compliance.use_cases import requests as request_flow
from compliance.use_cases.mass_revocations import watch_mass_revocations
from compliance.use_cases.orders import on_notices, reinstate
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"
UPSTREAM = Caller("upstream", frozenset({"upstream"}), frozenset({"metabase"}))
INGESTER = Caller("ingester", frozenset())


@pytest.fixture
def world(world: World) -> World:
    """A limit of 10 articles."""
    settings = world.service.settings.model_copy(update={"bulk_approval_threshold": 10})
    return World(replace(world.service, settings=settings), world.clock)


def ids(count: int, start: int = 0) -> list[str]:
    return [f"metabase:{n}" for n in range(start, start + count)]


def request(world: World, article_ids: Sequence[str], **more: Any) -> Request:
    given: dict[str, Any] = {
        "request_id": uuid4(),
        "kind": RequestKind.REVOKE,
        "entry": "http",
        "article_ids": tuple(article_ids),
        "reason": "manual",
        "made_by": "licensor",
        "made_at": world.clock.now(),
        "expires_at": world.clock.now() + world.service.request_expiry,
    }
    return Request(**(given | more))


async def submitted(world: World, article_ids: Sequence[str], **more: Any) -> Request:
    return await requests.notices_requested(request(world, article_ids, **more), world.service)


async def confirmed(world: World, made: Request) -> None:
    await requests.request_confirmed(made.request_id, "second", None, world.service, articles_seen=None)


async def from_senders(world: World, *sent: tuple[RevocationNoticed, Caller | None]) -> None:
    received = world.received([event for event, _ in sent])
    batch = [one._replace(sender=sender) for one, (_, sender) in zip(received, sent, strict=True)]
    await on_notices(batch, world.service)


async def from_topic(world: World, sender: Caller | None, *events: RevocationNoticed) -> None:
    await from_senders(world, *((event, sender) for event in events))


def strict(world: World) -> World:
    """Records must be signed."""
    settings = world.service.settings.model_copy(update={"enable_auth": True})
    return World(replace(world.service, settings=settings), world.clock)


async def states(world: World) -> dict[str, int]:
    rows = await world.db.fetch("SELECT state, count(*) AS n FROM article GROUP BY 1")
    return {row["state"]: row["n"] for row in rows}


async def test_above_the_limit_articles_are_withheld_at_once_and_revoked_after_approval(world: World) -> None:
    made = await submitted(world, ids(11))
    assert await states(world) == {"withheld": 11}
    assert len(await world.unsent(ArticleWithheld)) == 11
    assert await world.unsent(ArticleRevoked) == []
    world.clock.advance(hours=5)
    await confirmed(world, made)
    orders = await world.unsent(ArticleRevoked)
    assert {order.article_id for order in orders} == set(ids(11))
    assert {order.clock_started_at for order in orders} == {made.made_at}
    assert all(order.notice_ids for order in orders)
    assert await states(world) == {"revoked": 11}


async def test_what_is_withheld_here_and_superseded_in_a_store_of_ours_is_withheld_above_it(
    world: World,
) -> None:
    made = await submitted(world, ids(11))
    first = next(one for one in await world.unsent(ArticleWithheld) if one.article_id == A)
    await world.receipts(world.receipt(first, "ingester", outcome=Outcome.SUPERSEDED))
    *_, again = await world.unsent(ArticleWithheld)
    assert (again.article_id, again.previous_order, again.reason) == (A, first.order, first.reason)
    assert again.order > first.order
    assert await states(world) == {"withheld": 11}
    later = first.model_copy(update={"order": again.order + 5})
    await world.receipts(world.receipt(later, "ingester", outcome=Outcome.WITHHELD))
    *_, above = await world.unsent(ArticleWithheld)
    assert above.previous_order == later.order
    await confirmed(world, made)
    assert await states(world) == {"revoked": 11}


async def test_many_small_requests_add_up(world: World) -> None:
    for start in range(0, 10, 5):
        await submitted(world, ids(5, start))
    assert await states(world) == {"revoked": 10}
    await submitted(world, ids(1, 10))
    assert await states(world) == {"revoked": 10, "withheld": 1}
    world.clock.advance(hours=25)
    await submitted(world, ids(5, 20))
    assert (await states(world))["revoked"] == 15


async def test_two_requests_at_once_do_not_use_one_limit_twice(world: World) -> None:
    await asyncio.gather(submitted(world, ids(8)), submitted(world, ids(8, 100)))
    assert await states(world) == {"revoked": 8, "withheld": 8}


async def test_http_and_topic_share_the_limit_of_a_subject(world: World) -> None:
    await submitted(world, ids(6), made_by="upstream")
    await from_topic(world, UPSTREAM, *(world.notice(one) for one in ids(6, 100)))
    assert await states(world) == {"revoked": 10, "withheld": 2}
    (row,) = await world.db.fetch("SELECT * FROM notice_request WHERE entry = 'kafka'")
    assert (row["made_by"], row["withheld"], len(row["article_ids"])) == ("upstream", 2, 2)


async def test_records_gather_in_one_request_until_it_is_decided_on(world: World) -> None:
    for start in range(0, 14, 2):
        await from_topic(world, UPSTREAM, *(world.notice(one) for one in ids(2, start)))
    (row,) = await world.db.fetch("SELECT request_id, article_ids FROM notice_request")
    assert row["article_ids"] == ids(4, 10)
    with pytest.raises(Conflict):
        await requests.request_confirmed(row["request_id"], "second", None, world.service, articles_seen=None)
    with pytest.raises(Conflict):
        await requests.request_confirmed(row["request_id"], "second", None, world.service, articles_seen=3)
    await requests.request_confirmed(row["request_id"], "second", None, world.service, articles_seen=4)
    assert await states(world) == {"revoked": 14}
    await from_topic(world, UPSTREAM, world.notice("metabase:99"))
    assert await world.db.fetchval("SELECT count(*) FROM notice_request") == 2


async def test_a_providers_own_feed_has_no_limit(world: World) -> None:
    await from_topic(world, INGESTER, *(world.notice(one) for one in ids(30)))
    assert await states(world) == {"revoked": 30}


async def test_only_the_ingester_may_name_feeds_and_polls(world: World) -> None:
    notice = world.notice(A, poll_id=uuid4(), earliest_at=world.ago(hours=3))
    await from_topic(world, UPSTREAM, notice)
    (row,) = await world.db.fetch("SELECT noticed_by, poll_id, earliest_at FROM notice")
    assert dict(row) == {"noticed_by": "kafka:upstream", "poll_id": None, "earliest_at": None}
    assert await world.db.fetchval("SELECT count(*) FROM poll_notice") == 0


@pytest.mark.parametrize(
    "sender",
    [
        None,
        Caller("upstream", frozenset({"upstream"}), frozenset({"upstream"})),
        Caller("search", frozenset()),
        Caller("search", frozenset({"holder"}), frozenset({"metabase"})),
    ],
)
async def test_a_sender_who_may_not_revoke_only_withholds(world: World, sender: Caller | None) -> None:
    world, notice = strict(world), world.notice(A)
    await from_topic(world, sender, notice)
    await from_topic(world, sender, notice)
    assert await states(world) == {"withheld": 1}
    (row,) = await world.db.fetch("SELECT request_id, made_by, made_at FROM notice_request")
    assert row["made_by"] == (sender.subject if sender else "unauthenticated")
    world.clock.advance(hours=1)
    await requests.request_confirmed(row["request_id"], "officer", None, world.service, articles_seen=1)
    (order,) = await world.unsent(ArticleRevoked)
    assert (order.notice_ids, order.clock_started_at) == ((notice.notice_id,), row["made_at"])


async def test_a_notice_that_may_revoke_ends_what_another_only_withheld(world: World) -> None:
    made = await submitted(world, ids(11))
    await from_topic(world, INGESTER, world.notice(A))
    assert await states(world) == {"withheld": 10, "revoked": 1}
    await requests.request_refused(made.request_id, "second", "not theirs", world.service)
    assert await states(world) == {"live": 10, "revoked": 1}


async def test_a_refused_request_reinstates_what_no_other_request_wants(world: World) -> None:
    first = await submitted(world, ids(12))
    second = await submitted(world, ids(12, 10), made_by="other")
    await requests.request_refused(first.request_id, "second", "by mistake", world.service)
    assert await states(world) == {"live": 10, "withheld": 12}
    assert len(await world.unsent(ArticleReinstated)) == 10
    with pytest.raises(Conflict):
        await confirmed(world, first)
    await confirmed(world, second)
    assert await states(world) == {"live": 10, "revoked": 12}


@pytest.mark.parametrize("dies_after", [0, 1, 2])
async def test_a_request_is_carried_out_to_its_end_after_a_kill(
    world: World, monkeypatch: pytest.MonkeyPatch, dies_after: int
) -> None:
    monkeypatch.setattr(request_flow, "SLICE", 5)
    made = await submitted(world, ids(23))
    world.clock.advance(hours=23)
    slices = request_flow._slice
    done = 0

    async def dying(service: Any, request_id: UUID | None) -> bool:
        nonlocal done
        if done == dies_after:
            raise ConnectionResetError
        done += 1
        return await slices(service, request_id)

    monkeypatch.setattr(request_flow, "_slice", dying)
    with pytest.raises(ConnectionResetError):
        await confirmed(world, made)
    assert (await states(world)).get("revoked", 0) == 5 * dies_after
    monkeypatch.setattr(request_flow, "_slice", slices)
    await requests.carry_out_all(world.service)
    assert await states(world) == {"revoked": 23}
    orders = await world.unsent(ArticleRevoked)
    assert {order.clock_started_at for order in orders} == {made.made_at}
    assert len(orders) == 23
    row = await world.db.fetchrow("SELECT executed_at, carried_out FROM notice_request")
    assert row is not None
    assert (row["executed_at"], row["carried_out"]) == (world.clock.now(), 23)
    assert await requests.carry_out_all(world.service) == 0


async def test_two_processes_carry_out_a_request_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_flow, "SLICE", 3)
    made = await submitted(world, ids(20))
    await asyncio.gather(confirmed(world, made), *(requests.carry_out_all(world.service) for _ in range(3)))
    await requests.carry_out_all(world.service)
    rows = await world.db.fetch("SELECT article_id, kind FROM revocation ORDER BY article_id, order_no")
    assert len(rows) == 40


async def test_a_large_request_within_the_limit_is_carried_out_after_a_kill(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_flow, "SLICE", 2)
    monkeypatch.setattr(request_flow, "carry_out_all", _dead)
    with pytest.raises(ConnectionResetError):
        await submitted(world, ids(7))
    monkeypatch.undo()
    await requests.carry_out_all(world.service)
    assert await states(world) == {"revoked": 7}
    await submitted(world, ids(4, 50))
    assert await states(world) == {"revoked": 7, "withheld": 4}


async def _dead(*_: object) -> int:
    raise ConnectionResetError


async def test_what_waits_is_alerted_and_what_expired_stays_withheld(world: World) -> None:
    made = await submitted(world, ids(11))
    await watching.watch_requests(world.service)
    assert await world.alerts() == ["ApprovalWaiting"]
    world.clock.advance(days=7)
    await watching.watch_requests(world.service)
    assert "ApprovalExpired" in await world.alerts()
    assert await states(world) == {"withheld": 11}
    with pytest.raises(Conflict):
        await confirmed(world, made)
    await requests.request_refused(made.request_id, "second", "too late", world.service)
    assert await states(world) == {"live": 11}
    assert await watching.watch_requests(world.service) == []


async def test_withheld_obliges_our_stores_alone_and_is_never_late(world: World) -> None:
    made = await submitted(world, ids(11))
    (order, *_) = await world.unsent(ArticleWithheld)
    assert list(await world.states(order.article_id)) == [(1, "ingester")]
    world.clock.advance(days=3)
    assert await watching.lateness_conditions(world.service, world.clock.now()) == []
    await world.receipts(world.receipt(order, "ingester", outcome=Outcome.WITHHELD))
    assert set((await world.states(order.article_id)).values()) == {"verified"}
    assert await world.closed(order.revocation_id) is not None
    await confirmed(world, made)
    assert len(await world.states(order.article_id)) == 4


async def test_a_withheld_receipt_closes_no_revocation(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "search", outcome=Outcome.WITHHELD))
    assert "verified" not in (await world.states(A)).values()


async def test_many_are_reinstated_by_two_people_and_what_was_revoked_since_stays(world: World) -> None:
    await world.revoke(*ids(6))
    made = request(world, ids(6), kind=RequestKind.REINSTATE, made_by="officer", note="by mistake")
    await requests.requested(made, world.service)
    await requests.carry_out_all(world.service)
    assert await states(world) == {"revoked": 6}
    world.clock.advance(hours=1)
    (row,) = await world.db.fetch("SELECT revocation_id FROM revocation WHERE article_id = $1", A)
    await reinstate(row["revocation_id"], "officer", "alone", world.service)
    await world.revoke(A)
    await confirmed(world, made)
    assert await states(world) == {"revoked": 1, "live": 5}


async def test_one_officer_alone_reinstates_only_a_few(world: World) -> None:
    orders = await world.revoke(*ids(11))
    for one in orders[:10]:
        await reinstate(one.revocation_id, "officer", "by mistake", world.service)
    with pytest.raises(Conflict):
        await reinstate(orders[10].revocation_id, "officer", "by mistake", world.service)
    await reinstate(orders[10].revocation_id, "other", "by mistake", world.service)


async def test_what_waits_for_a_second_person_is_not_reinstated_by_one(world: World) -> None:
    await submitted(world, ids(11))
    (order, *_) = await world.unsent(ArticleWithheld)
    with pytest.raises(Conflict):
        await reinstate(order.revocation_id, "officer", "alone", world.service)


async def test_an_unusual_share_revoked_by_one_feed_is_alerted(world: World) -> None:
    await from_topic(world, INGESTER, *(world.notice(one) for one in ids(30)))
    assert await watch_mass_revocations(world.service, held=400) == []
    found = await watch_mass_revocations(world.service, held=200)
    assert [(one.name, one.labels) for one in found] == [
        ("MassRevocation", {"noticed_by": "metabase-revoked"})
    ]
    assert await watch_mass_revocations(world.service, held=None) != []
    world.clock.advance(hours=25)
    assert await watch_mass_revocations(world.service, held=200) == []


async def test_a_request_expires_in_its_time(world: World) -> None:
    made = await submitted(world, ids(11))
    row = await world.db.fetchrow("SELECT expires_at FROM notice_request")
    assert row is not None
    assert row["expires_at"] == made.made_at + timedelta(days=7)


async def test_what_was_reinstated_while_a_request_waits_is_revoked_when_that_is_confirmed(
    world: World,
) -> None:
    (order,) = await world.revoke(A)
    made = await submitted(world, ids(12))
    await reinstate(order.revocation_id, "officer", "an error", world.service)
    await confirmed(world, made)
    assert await states(world) == {"revoked": 12}


async def test_what_is_withheld_for_no_request_can_be_reinstated(world: World) -> None:
    await submitted(world, ids(11))
    (order, *_) = await world.unsent(ArticleWithheld)
    with pytest.raises(Conflict):
        await reinstate(order.revocation_id, "second", "an error", world.service)
    await world.db.execute("DELETE FROM notice_request")  # a restored database has lost it
    await reinstate(order.revocation_id, "second", "an error", world.service)
    assert await states(world) == {"withheld": 10, "live": 1}


async def test_what_is_left_of_a_request_counts_while_it_is_carried_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_flow, "SLICE", 5)
    monkeypatch.setattr(request_flow, "carry_out_all", AsyncMock())  # the process dies after recording it
    assert not (await submitted(world, ids(10))).needs_approval
    assert (await submitted(world, ids(10, 10))).needs_approval
    monkeypatch.undo()
    await requests.carry_out_all(world.service)
    assert await states(world) == {"revoked": 10, "withheld": 10}


@pytest.mark.parametrize("together", [True, False])
async def test_a_notice_of_the_feed_revokes_also_where_an_unknown_sender_used_its_id_before(
    world: World,
    together: bool,  # noqa: FBT001 - a parameter
) -> None:
    world = strict(world)
    notice = world.notice(A)
    feed, forged = (notice, INGESTER), (notice, None)
    batches: list[list[tuple[RevocationNoticed, Caller | None]]] = (
        [[feed, forged]] if together else [[forged], [feed]]
    )
    for batch in batches:
        await from_senders(world, *batch)
    await from_topic(world, None, notice)
    assert await states(world) == {"revoked": 1}
    (row,) = await world.db.fetch("SELECT noticed_by, request_id FROM notice")
    assert (row["noticed_by"], row["request_id"]) == ("metabase-revoked", None)
    for waiting in await world.db.fetch("SELECT request_id FROM notice_request"):
        await requests.request_refused(waiting["request_id"], "officer", "forged", world.service)
    assert await states(world) == {"revoked": 1}


async def test_a_notice_of_the_feed_is_not_known_by_a_recovered_order_that_only_withholds(
    world: World,
) -> None:
    world = strict(world)
    notice = world.notice(A)
    await from_topic(world, None, notice)
    await world.db.execute("UPDATE notice SET noticed_by = $1", RECOVERED)
    await from_topic(world, INGESTER, notice)
    assert await states(world) == {"revoked": 1}


async def test_a_notice_of_the_feed_revokes_again_what_an_upstream_system_used_its_id_for(
    world: World,
) -> None:
    notice = world.notice(A)
    await from_topic(world, UPSTREAM, notice)
    (first,) = await world.unsent(ArticleRevoked)
    await reinstate(first.revocation_id, "officer", "their mistake", world.service)
    await from_topic(world, INGESTER, notice)
    assert await states(world) == {"revoked": 1}


async def test_an_upstream_system_revokes_also_where_an_unknown_sender_used_its_id_before(
    world: World,
) -> None:
    world, notice = strict(world), world.notice(A)
    await from_topic(world, None, notice)
    await from_topic(world, UPSTREAM, notice)
    assert await states(world) == {"revoked": 1}


async def test_an_unknown_sender_takes_no_notice_out_of_anothers_request(world: World) -> None:
    world = strict(world)
    noticed = [world.notice(one) for one in ids(11)]
    await from_topic(world, UPSTREAM, *noticed)
    await from_topic(world, None, noticed[-1])
    (row,) = await world.db.fetch("SELECT request_id FROM notice_request")
    await requests.request_confirmed(row["request_id"], "second", None, world.service, articles_seen=1)
    assert await states(world) == {"revoked": 11}


async def test_an_unknown_sender_sets_back_no_clock(world: World) -> None:
    world = strict(world)
    (order,) = await world.revoke(A)
    await from_topic(world, None, world.notice(A, revoked_at=world.ago(days=30)))
    assert {one.due_at for one in await world.unsent(ArticleRevoked)} == {order.due_at}
    assert await world.db.fetchval("SELECT due_at FROM revocation") == order.due_at


async def test_a_revocation_has_the_clock_of_those_who_may_revoke(world: World) -> None:
    world = strict(world)
    forged = world.notice(A, revoked_at=world.ago(days=30), reason="manual")
    await from_senders(world, (forged, None), (world.notice(A), INGESTER))
    (order,) = await world.unsent(ArticleRevoked)
    assert (order.clock_started_at, order.reason) == (world.clock.now(), "licensor")
