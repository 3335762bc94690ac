"""Legal holds: every request names them from when they are placed until two people have ended them."""

import asyncio
from uuid import uuid4

import pytest

from clawback_common.errors import Conflict, Forbidden
from clawback_contracts.sweep.v1 import Hold, HoldsChanged, SweepRequested
from retention.domain.hold import State
from retention.use_cases import holds
from services.retention.tests.integration.conftest import World

pytestmark = pytest.mark.integration


async def _spared(world: World, data_class: str = "articles") -> list[tuple[str, ...]]:
    await world.sweep(data_class)
    return [hold.article_ids for hold in (await world.requests())[-1].holds]


async def test_a_hold_is_in_force_from_its_placement_until_two_people_end_it(world: World) -> None:
    hold_id = await world.hold("metabase:1", by="ann")
    assert await _spared(world) == [("metabase:1",)], "placed and not yet confirmed"
    with pytest.raises(Forbidden, match="second person"):
        await holds.hold_confirmed(hold_id, "ann", "", world.service)
    assert await holds.hold_confirmed(hold_id, "bob", "", world.service) is State.CONFIRMED
    assert await _spared(world) == [("metabase:1",)]
    assert await holds.hold_lifted(hold_id, "ann", "settled", world.service) is State.LIFTING
    with pytest.raises(Forbidden, match="second person"):
        await holds.hold_confirmed(hold_id, "ann", "", world.service)
    assert await _spared(world) == [("metabase:1",)], "its end waits for a second person"
    assert await holds.hold_confirmed(hold_id, "bob", "", world.service) is State.LIFTED
    assert await _spared(world) == []


async def test_a_rejected_end_leaves_it_in_force(world: World) -> None:
    hold_id = await world.hold("metabase:1", by="ann")
    await holds.hold_confirmed(hold_id, "bob", "", world.service)
    await holds.hold_lifted(hold_id, "ann", "settled", world.service)
    assert await holds.hold_kept(hold_id, "bob", "it is not", world.service) is State.CONFIRMED
    with pytest.raises(Conflict):
        await holds.hold_confirmed(hold_id, "bob", "", world.service)
    assert await _spared(world) == [("metabase:1",)]
    assert await holds.hold_lifted(hold_id, "bob", "now it is", world.service) is State.LIFTING
    assert await holds.hold_confirmed(hold_id, "ann", "", world.service) is State.LIFTED


async def test_the_person_who_placed_it_may_take_it_back_before_confirmation(world: World) -> None:
    hold_id = await world.hold("metabase:1", by="ann")
    assert await holds.hold_lifted(hold_id, "ann", "a mistake", world.service) is State.WITHDRAWN
    assert await _spared(world) == []
    with pytest.raises(Conflict, match="no longer in force"):
        await holds.hold_confirmed(hold_id, "bob", "", world.service)


async def test_its_history_records_who_did_what_when_and_why(world: World) -> None:
    hold_id = await world.hold("metabase:1", by="ann")
    for step, by, note in (
        (holds.hold_confirmed, "bob", "seen"),
        (holds.hold_lifted, "ann", "settled"),
        (holds.hold_kept, "bob", "not yet"),
        (holds.hold_lifted, "bob", "settled now"),
        (holds.hold_confirmed, "ann", "yes"),
    ):
        world.clock.advance(hours=1)
        await step(hold_id, by, note, world.service)
    rows = await world.db.fetch("SELECT change, changed_by, note, changed_at FROM hold_change ORDER BY id")
    assert [(row["change"], row["changed_by"], row["note"]) for row in rows] == [
        ("placed", "ann", "a law suit"),
        ("confirmed", "bob", "seen"),
        ("lifting", "ann", "settled"),
        ("kept", "bob", "not yet"),
        ("lifting", "bob", "settled now"),
        ("lifted", "ann", "yes"),
    ]
    assert rows[-1]["changed_at"] == world.clock.now()


async def test_a_hold_is_sent_immediately_to_running_sweeps(world: World) -> None:
    (sweep,) = await world.sweep("articles")
    (dry,) = await world.sweep("articles", dry_run=True)
    (done,) = await world.sweep("articles")
    (other,) = await world.sweep("alerts")
    await world.finish(done)
    await world.answers(world.completed(sweep, "ingester"))
    before = len(await world.requests())
    await world.hold("metabase:1")
    told = (await world.requests())[before:]
    assert [(one.sweep_id, one.attempt, one.owners) for one in told] == [(sweep.sweep_id, 2, ("analytics",))]
    assert [hold.article_ids for hold in told[0].holds] == [("metabase:1",)]
    assert {await world.state(one) for one in (dry, other)} == {"requested"}


async def test_a_concurrent_hold_and_sweep_see_each_other(world: World) -> None:
    for number in range(15):
        await asyncio.gather(world.sweep("articles"), world.hold(f"metabase:{number}"))
        rows = await world.db.fetch("SELECT sweep_id, hold_ids FROM sweep WHERE state = 'requested'")
        assert {len(row["hold_ids"]) for row in rows} == {number + 1}, "each request named every hold"
    latest = {one.sweep_id: one for one in sorted(await world.requests(), key=lambda one: one.attempt)}
    assert {len(one.holds) for one in latest.values()} == {15}


async def test_a_hold_affects_its_own_class_only(world: World) -> None:
    await world.hold("metabase:1", data_class="compliance_records")
    assert await _spared(world, "articles") == []
    assert await _spared(world, "compliance_records") == [("metabase:1",)]


async def test_more_ids_than_fit_into_a_request_are_rejected_and_no_hold_is_placed(world: World) -> None:
    await world.hold(*(f"metabase:{n}" for n in range(9_999)))
    with pytest.raises(Conflict, match="10001 articles"):
        await world.hold("metabase:a", "metabase:b")
    assert await world.db.fetchval("SELECT count(*) FROM hold") == 1
    await world.hold("metabase:a")
    assert sorted(len(ids) for ids in await _spared(world)) == [1, 9_999]
    await world.hold("metabase:a", "metabase:b", data_class="compliance_records")


async def test_owners_are_notified_immediately_of_each_change_of_a_hold(world: World) -> None:
    hold_id = await world.hold("metabase:1", by="ann")
    await holds.hold_confirmed(hold_id, "bob", "", world.service)
    await holds.hold_lifted(hold_id, "ann", "settled", world.service)
    await holds.hold_confirmed(hold_id, "bob", "", world.service)
    withdrawn = await world.hold("metabase:2", by="cid")
    await holds.hold_lifted(withdrawn, "cid", "a mistake", world.service)
    told = await world.unsent(HoldsChanged)
    assert [[(one.placed_by, one.confirmed_by) for one in event.holds] for event in told] == [
        [("ann", None)],
        [("ann", "bob")],
        [("ann", "bob")],
        [],
        [("cid", None)],
        [],
    ]
    ended = {one.hold_id: one.ended_by for one in told[-1].ended_holds}
    assert ended == {hold_id: ("ann", "bob"), withdrawn: ("cid",)}
    await world.sweep("articles")
    request = (await world.requests())[-1]
    assert (request.holds, set(request.ended_holds)) == ((), set(told[-1].ended_holds))


async def test_a_request_that_names_a_new_hold_is_sent_before_the_change_of_the_hold(world: World) -> None:
    await world.sweep("articles")
    await world.hold("metabase:1")
    sent = [row["type"] for row in await world.db.fetch("SELECT type FROM outbox_orders ORDER BY id")]
    assert sent == [SweepRequested.TYPE, SweepRequested.TYPE, HoldsChanged.TYPE]


async def test_a_hold_known_only_by_an_owner_is_in_force_again(world: World) -> None:
    forgotten = Hold(hold_id=uuid4(), article_ids=("metabase:1",), placed_by="ann", confirmed_by="bob")
    unconfirmed = Hold(hold_id=uuid4(), dated_until=world.clock.now())
    odd = Hold(hold_id=uuid4(), placed_by="ann", confirmed_by="ann")
    (sweep,) = await world.sweep("articles")
    told = (forgotten, unconfirmed, odd)
    await world.answers(world.failed(sweep, "ingester", refused=True, omitted_holds=told))
    await world.answers(world.failed(sweep, "analytics", refused=True, omitted_holds=told))
    assert sorted(await _spared(world)) == [(), (), ("metabase:1",)]
    rows = await world.db.fetch("SELECT hold_id, state, placed_by, confirmed_by FROM hold")
    assert {row["hold_id"]: (row["state"], row["placed_by"], row["confirmed_by"]) for row in rows} == {
        forgotten.hold_id: ("confirmed", "ann", "bob"),
        unconfirmed.hold_id: ("placed", "ingester", None),
        odd.hold_id: ("placed", "ann", None),
    }


async def test_an_answer_that_matches_no_request_places_no_hold(world: World) -> None:
    (sweep,) = await world.sweep("articles")
    stray = world.failed(sweep, "ingester", omitted_holds=(Hold(hold_id=uuid4()),))
    await world.answers(stray.model_copy(update={"sweep_id": uuid4()}))
    assert await world.db.fetchval("SELECT count(*) FROM hold") == 0


async def test_an_unknown_hold_is_not_found(world: World) -> None:
    (sweep,) = await world.sweep("articles")
    for step in (holds.hold_confirmed, holds.hold_lifted, holds.hold_kept):
        assert await step(sweep.sweep_id, "ann", "", world.service) is None
