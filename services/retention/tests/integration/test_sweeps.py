"""Requests are sent until every owner has answered, and answers are saved in any order of arrival."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from clawback_common.errors import Poison
from clawback_contracts.sweep.v1 import Action, Archive
from retention.domain.sweep import Sweep
from retention.use_cases.sweeps import resend_due
from services.retention.tests.integration.conftest import World

pytestmark = pytest.mark.integration


async def _sweep(world: World, data_class: str = "articles") -> Sweep:
    (sweep,) = await world.sweep(data_class)
    return sweep


async def test_a_request_follows_its_policy(world: World) -> None:
    sweep = await _sweep(world)
    (request,) = await world.requests()
    assert (request.sweep_id, request.data_class, request.action) == (
        sweep.sweep_id,
        "articles",
        Action.DELETE,
    )
    assert request.owners == ("ingester", "analytics")
    assert request.before == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert (request.attempt, request.dry_run, request.holds) == (1, False, ())


async def test_all_classes_are_requested_or_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken_outbox:
        broken_outbox.setattr(type(world.service.outbox), "put", broken)
        with pytest.raises(RuntimeError):
            await world.sweep(None)
    assert await world.db.fetchval("SELECT count(*) FROM sweep") == 0
    await world.sweep(None)
    assert {one.data_class for one in await world.requests()} == set(world.service.policies)
    assert await world.db.fetchval("SELECT count(*) FROM sweep") == 6


async def test_a_sweep_is_done_when_every_owner_has_answered(world: World) -> None:
    sweep = await _sweep(world)
    await world.answers(world.completed(sweep, "ingester"))
    assert await world.state(sweep) == "requested"
    await world.answers(world.completed(sweep, "analytics"))
    assert await world.state(sweep) == "done"
    world.clock.advance(days=1)
    assert await resend_due(world.service) == 0, "a closed sweep is not sent again"


async def test_an_unanswered_request_is_sent_again_after_1_5_and_15_minutes_then_hourly(world: World) -> None:
    sweep = await _sweep(world)
    await world.answers(world.completed(sweep, "ingester"))
    begun, sent = world.clock.now(), []
    for _ in range(140):
        world.clock.advance(minutes=1)
        if await resend_due(world.service):
            sent.append((world.clock.now() - begun) / timedelta(minutes=1))
    assert sent == [1, 5, 15, 60, 120]
    requests = await world.requests()
    assert [one.attempt for one in requests] == [1, 2, 3, 4, 5, 6]
    assert {one.owners for one in requests[1:]} == {("analytics",)}, (
        "an owner that has answered gets no more requests"
    )
    assert {one.before for one in requests} == {sweep.before}
    identities = await world.db.fetchval("SELECT count(DISTINCT event_id) FROM outbox_priority")
    assert identities == 6


async def test_a_resent_request_names_the_current_holds(world: World) -> None:
    await world.hold("metabase:1")
    sweep = await _sweep(world)
    await world.hold("metabase:2", data_class="compliance_records")
    second = await world.hold(dated_until=datetime(2023, 1, 1, tzinfo=UTC))
    world.clock.advance(minutes=1)
    await resend_due(world.service)
    first_sent, *_, last_sent = await world.requests()
    assert [hold.article_ids for hold in first_sent.holds] == [("metabase:1",)]
    assert {hold.article_ids for hold in last_sent.holds} == {("metabase:1",), ()}
    noted = await world.db.fetchval("SELECT hold_ids FROM sweep WHERE sweep_id = $1", sweep.sweep_id)
    assert second in noted


async def test_a_late_answer_to_an_older_attempt_overwrites_nothing(world: World) -> None:
    sweep = await _sweep(world)
    old = world.completed(sweep, "ingester", removed=1)
    world.clock.advance(minutes=1)
    await resend_due(world.service)
    await world.answers(world.completed(sweep, "ingester", attempt=2, removed=9, found=9))
    world.clock.advance(minutes=1)
    await world.answers(old, world.failed(sweep, "ingester"))
    assert await world.answer_of(sweep, "ingester") == (2, "completed", 9)


async def test_a_repeated_answer_counts_once(world: World) -> None:
    sweep = await _sweep(world)
    answer = world.completed(sweep, "ingester")
    await world.answers(answer, answer)
    received = await world.db.fetchval("SELECT received_at FROM sweep_answer")
    world.clock.advance(minutes=1)
    await world.answers(answer)
    assert await world.db.fetchval("SELECT received_at FROM sweep_answer") == received


async def test_a_failed_owner_needs_attention_until_it_succeeds(world: World) -> None:
    sweep = await _sweep(world)
    await world.answers(world.failed(sweep, "ingester"), world.completed(sweep, "analytics"))
    assert await world.state(sweep) == "attention"
    world.clock.advance(minutes=5)
    assert await resend_due(world.service) == 0
    await world.answers(world.completed(sweep, "ingester"))
    assert await world.state(sweep) == "done"


async def test_answers_that_match_no_request_change_nothing(world: World) -> None:
    sweep = await _sweep(world)
    await world.answers(
        world.completed(sweep, "ingester", sweep_id=uuid4()),
        world.completed(sweep, "alerting"),
        world.completed(sweep, "ingester", data_class="alerts"),
        world.completed(sweep, "ingester", action=Action.VACUUM),
        world.completed(sweep, "ingester", dry_run=True),
        world.completed(sweep, "ingester", attempt=2),
    )
    assert await world.db.fetchval("SELECT count(*) FROM sweep_answer") == 0
    await world.answers(world.completed(sweep, "analytics"), world.completed(sweep, "alerting"))
    assert await world.db.fetchval("SELECT count(*) FROM sweep_answer") == 1, "the other answer is saved"


async def test_an_answer_that_the_database_rejects_is_quarantined(world: World) -> None:
    sweep = await _sweep(world)
    archive = Archive(path="a", sha256="ab" * 32, records=1, bytes=1).model_copy(update={"path": "\0"})
    for answer in (
        world.failed(sweep, "ingester", error="a\0b"),
        world.completed(sweep, "ingester", archives=(archive,)),
    ):
        with pytest.raises(Poison):
            await world.answers(answer)
    assert await world.state(sweep) == "requested"


async def test_archived_records_are_saved_with_their_manifest(world: World) -> None:
    sweep = await _sweep(world, "compliance_records")
    archives = tuple(
        Archive(path=f"compliance_records/2019-0{n}/manifest.json", sha256="ab" * 32, records=20, bytes=1_000)
        for n in (1, 2)
    )
    await world.answers(world.completed(sweep, "compliance", archives=archives))
    row = await world.db.fetchrow("SELECT archived, archives ->> 0 AS first FROM sweep_answer")
    assert row is not None
    assert row["archived"] == 40
    assert "2019-01/manifest.json" in row["first"]


async def test_a_concurrent_answer_and_resending_wait_for_each_other(world: World) -> None:
    sweeps = [await _sweep(world) for _ in range(10)]
    world.clock.advance(minutes=1)
    await asyncio.gather(
        *(world.finish(sweep) for sweep in sweeps), *(resend_due(world.service) for _ in range(5))
    )
    assert {await world.state(sweep) for sweep in sweeps} == {"done"}
    world.clock.advance(days=1)
    assert await resend_due(world.service) == 0
