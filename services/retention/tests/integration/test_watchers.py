"""What the running worker monitors, and how often it raises alerts."""

import pytest

from clawback_common.alerts import alert_state
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.sweep.v1 import Action
from retention.use_cases.watching import check_conditions
from services.retention.tests.integration.conftest import World

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
async def _begun(world: World) -> None:
    await alert_state.begin(world.db, world.clock.now())


async def _resolved(world: World) -> list[str]:
    return [event.name for event in await world.unsent(AlertResolved)]


async def test_a_missing_sweep_is_reported_after_8_days(world: World) -> None:
    world.clock.advance(days=8)
    await check_conditions(world.service)
    assert await world.alerts() == []
    world.clock.advance(minutes=1)
    await check_conditions(world.service)
    assert await world.alerts() == ["RetentionSweepOverdue"]


async def test_it_is_resolved_when_every_class_was_completely_swept(world: World) -> None:
    asked = await world.sweep(None)
    await world.finish(*asked)
    world.clock.advance(days=8, minutes=1)
    await check_conditions(world.service)
    *most, last = await world.sweep(None)
    await world.finish(*most)
    await world.finish(*await world.sweep(last.data_class, dry_run=True))
    await check_conditions(world.service)
    assert await world.alerts() == ["RetentionSweepOverdue"]
    assert await _resolved(world) == [], "one class is missing, and a dry run does not count"
    await world.finish(last)
    await check_conditions(world.service)
    assert await _resolved(world) == ["RetentionSweepOverdue"]


async def test_a_failed_owner_is_an_alert_until_it_succeeds(world: World) -> None:
    (sweep,) = await world.sweep("articles")
    await world.answers(
        world.failed(sweep, "ingester", error="secret words"), world.completed(sweep, "analytics")
    )
    await check_conditions(world.service)
    (alert,) = await world.unsent(AlertRaised)
    assert alert.name == "RetentionSweepFailed"
    assert alert.labels == {"data_class": "articles", "owner": "ingester", "action": "delete"}
    assert "secret words" not in alert.model_dump_json()
    world.clock.advance(minutes=1)
    (again,) = await world.sweep("articles")
    await check_conditions(world.service)
    assert await _resolved(world) == [], "it was requested again, and has not answered"
    await world.finish(again)
    await check_conditions(world.service)
    assert await _resolved(world) == ["RetentionSweepFailed"]


async def test_failures_of_other_actions_and_dry_runs_are_separate(world: World) -> None:
    (shape,) = await world.sweep("alerts", action=Action.VACUUM)
    (dry,) = await world.sweep("cache", dry_run=True)
    await world.answers(world.failed(shape, "alerting"), world.failed(dry, "analytics"))
    await world.finish(*await world.sweep("alerts"))
    await check_conditions(world.service)
    assert [alert.labels["action"] for alert in await world.unsent(AlertRaised)] == ["vacuum"]


async def test_an_owner_without_answers_for_a_day_is_one_alert_until_it_answers(world: World) -> None:
    asked = [*await world.sweep("articles"), *await world.sweep("cache")]
    await world.answers(world.completed(asked[0], "ingester"))
    world.clock.advance(hours=23, minutes=59)
    await check_conditions(world.service)
    assert await world.alerts() == []
    world.clock.advance(minutes=1)
    await check_conditions(world.service)
    (alert,) = await world.unsent(AlertRaised)
    assert (alert.name, alert.labels) == ("SweepUnanswered", {"owner": "analytics"})
    assert "2 requests" in alert.summary
    await world.finish(*asked)
    await check_conditions(world.service)
    assert await _resolved(world) == ["SweepUnanswered"]


async def test_a_message_that_cannot_be_sent_is_an_incident_and_an_alert_for_a_day(world: World) -> None:
    await world.service.alert_publisher.on_set_aside("orders", "row 7: too_large")
    assert [(one.name, one.service) for one in await world.unsent(AlertRaised)] == [
        ("OutboxRowSetAside", "retention")
    ]
    assert await world.db.fetchval("SELECT count(*) FROM incident") == 1
    world.clock.advance(hours=25)
    await check_conditions(world.service)
    assert await _resolved(world) == ["OutboxRowSetAside"]
