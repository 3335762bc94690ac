"""The monitoring of the worker, and how often alerts are repeated."""

from collections.abc import Sequence

import pytest

from clawback_common.alerts import alert_state
from clawback_common.errors import Poison
from clawback_common.messaging.quarantine import Bad
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.holder.v1 import Holding
from clawback_testing.commands import command
from compliance.service import SERVICE
from compliance.storage import runs
from compliance.use_cases import incidents
from compliance.use_cases.daily_run import Check
from compliance.use_cases.watching import watch_time
from services.compliance.tests.integration.conftest import World

pytestmark = pytest.mark.integration
A = "metabase:1"


@pytest.fixture(autouse=True)
async def _begun(world: World) -> None:
    await alert_state.begin(world.db, world.clock.now())


async def _names(world: World, *kinds: type) -> Sequence[str]:
    return [event.name for event in await world.unsent(*kinds)]


async def test_a_dead_scheduler_is_noticed_within_five_minutes_of_hour_25(world: World) -> None:
    world.clock.advance(hours=25)
    await watch_time(world.service)
    assert await world.alerts() == []
    world.clock.advance(minutes=5)
    await watch_time(world.service)
    assert await world.alerts() == ["ComplianceRunOverdue"]


async def test_an_overdue_run_is_reported_hourly_until_one_has_completed_and_again_when_the_next_is_late(
    world: World,
) -> None:
    world.clock.advance(hours=26)
    for _ in range(2):
        await watch_time(world.service)
        world.clock.advance(hours=1)
    assert await world.alerts() == ["ComplianceRunOverdue"] * 2
    await world.db.execute(
        "INSERT INTO run (run_id, cause, asked_by, asked_at, state, ended_at, mock)"
        " VALUES (gen_random_uuid(), 'test', 'test', $1, 'completed', $1, true)",
        world.clock.now(),
    )
    await watch_time(world.service)
    assert await _names(world, AlertResolved) == ["ComplianceRunOverdue"]
    world.clock.advance(hours=26)
    await watch_time(world.service)
    assert len(await world.alerts()) == 3


async def test_obligations_at_risk_and_past_due_are_one_alert_a_holder(world: World) -> None:
    await world.revoke(A, "metabase:2")
    world.clock.advance(hours=19)
    await watch_time(world.service)
    assert await world.alerts() == []
    world.clock.advance(hours=0.3)
    await watch_time(world.service)
    assert await world.alerts() == ["TakedownAtRisk", "TakedownAtRisk"]
    world.clock.advance(hours=5)
    await watch_time(world.service)
    raised = [(one.name, one.labels["holder"]) for one in await world.unsent(AlertRaised) if one.labels]
    assert sorted(raised[2:]) == [("TakedownOverdue", "ingester"), ("TakedownOverdue", "search")]
    assert await _names(world, AlertResolved) == ["TakedownAtRisk", "TakedownAtRisk"]


async def test_an_unreadable_record_pages_until_an_officer_closes_its_incident(world: World) -> None:
    bad = [
        Bad(Poison("value_invalid"), source="compliance", topic="revocation-notices.v1", offset=n)
        for n in (1, 2)
    ]
    async with world.db.transaction() as tx:
        await incidents.on_unreadable(tx, bad, world.service)
    assert await world.alerts() == ["UnreadableRevocationRecord"]
    world.clock.advance(hours=1)
    await watch_time(world.service)
    assert await world.alerts() == ["UnreadableRevocationRecord"] * 2
    assert await incidents.close_incident(world.service, bad[0].id, "officer", "was a test") is not None
    assert await _names(world, AlertResolved) == []
    await incidents.close_incident(world.service, bad[1].id, "officer", "was a test")
    assert await _names(world, AlertResolved) == ["UnreadableRevocationRecord"]
    assert await incidents.close_incident(world.service, bad[1].id, "officer", "again") is None


async def test_still_held_ends_when_the_holder_is_verified_and_not_before(world: World) -> None:
    (order,) = await world.revoke(A)
    await world.receipts(world.receipt(order, "ingester"), world.receipt(order, "search"))
    await world.checked("ingester", {A: Holding.HELD})
    await watch_time(world.service)
    assert await world.alerts() == ["RemovedButStillHeld"]
    await world.receipts(world.receipt(order, "ingester"))
    await watch_time(world.service)
    assert await _names(world, AlertResolved) == []
    await world.checked("ingester", {A: Holding.GONE})
    await watch_time(world.service)
    assert await _names(world, AlertResolved) == ["RemovedButStillHeld"]


async def test_a_backlog_is_over_when_none_has_come_again_for_a_day(world: World) -> None:
    await world.revoke(A, revoked_at=world.ago(hours=48))
    await watch_time(world.service)
    assert await _names(world, AlertResolved) == []
    world.clock.advance(hours=25)
    await watch_time(world.service)
    assert await _names(world, AlertResolved) == ["RevocationBacklog"]


async def test_a_message_that_cannot_be_sent_is_an_incident_and_an_alert(world: World) -> None:
    await world.service.alert_publisher.on_set_aside("orders", "row 7: too_large")
    assert [(one.name, one.service) for one in await world.unsent(AlertRaised)] == [
        ("OutboxRowSetAside", "compliance")
    ]
    assert await world.db.fetchval("SELECT count(*) FROM incident") == 1


async def test_health_reports_unknown_if_no_run_ever_completed(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await command(SERVICE, world.service, "health") == 3
    assert "never (unknown)" in capsys.readouterr().out


async def test_health_closes_by_time_and_is_content_after_a_run(
    world: World,
    check: Check,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await check.asked("schedule", "test") == 0
    assert await command(SERVICE, world.service, "health") == 0
    assert "nothing is overdue or at risk" in capsys.readouterr().out
    (order,) = await world.revoke(A)
    world.clock.advance(hours=24)
    assert await command(SERVICE, world.service, "health") == 3
    said = capsys.readouterr().out
    assert "search: 1 overdue" in said
    assert "obligations of expiry holders, open: 1" in said
    await world.close(order)
    world.clock.advance(hours=8)
    await command(SERVICE, world.service, "health")
    assert "obligations of expiry holders, verified: 1" in capsys.readouterr().out
    assert await runs.last_completed(world.db) is not None
