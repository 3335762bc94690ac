"""Alerts of conditions, in a database with the tables of a service with alerts."""

import asyncio
from datetime import timedelta

import pytest

from clawback_common.alerts import alert_state
from clawback_common.alerts.condition import Condition
from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.messaging import incidents
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring, Severity, fingerprint
from clawback_testing.clock import FakeClock
from clawback_testing.queries import prepare_all
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

LEAK = Condition("PipeLeaks", Severity.WARNING, "It drips: see the pipe.", {"pipe": "a"})
FLOOD = Condition("CellarFloods", Severity.CRITICAL, "It rises: see the cellar.")


@pytest.fixture
def alert_publisher(database: Database, clock: FakeClock) -> AlertPublisher:
    """The publisher of a service without events of its own."""
    return AlertPublisher("svc", database, clock, PriorityOutbox())


async def raised(db: Database) -> list[AlertRaised]:
    rows = await db.fetch("SELECT value FROM outbox_priority WHERE type = $1 ORDER BY id", AlertRaised.TYPE)
    return [AlertRaised.model_validate_json(row["value"]) for row in rows]


async def resolved(db: Database) -> list[str]:
    rows = await db.fetch("SELECT value FROM outbox_priority WHERE type = $1 ORDER BY id", AlertResolved.TYPE)
    return [AlertResolved.model_validate_json(row["value"]).name for row in rows]


async def names(db: Database) -> list[str]:
    return [alert.name for alert in await raised(db)]


async def test_every_query_fits_the_tables_in_the_docstring(database: Database) -> None:
    assert await prepare_all(database, "clawback_common.alerts") == []


async def test_a_condition_is_raised_once_repeated_hourly_and_resolved(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    for _ in range(13):
        await alert_publisher.on_conditions("pipes", [LEAK])
        clock.advance(minutes=10)
    assert await names(database) == ["PipeLeaks"] * 3
    assert await resolved(database) == []
    for _ in range(2):
        await alert_publisher.on_conditions("pipes", [])
    assert await resolved(database) == ["PipeLeaks"]


async def test_a_returning_condition_is_raised_at_once_with_a_new_event_id(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    for found in ([LEAK], [], [LEAK], []):
        await alert_publisher.on_conditions("pipes", found)
        clock.advance(seconds=30)
    assert (len(await raised(database)), len(await resolved(database))) == (2, 2)


async def test_an_alert_has_the_service_and_the_fingerprint_of_the_condition(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    await alert_publisher.on_conditions("pipes", [LEAK])
    (alert,) = await raised(database)
    assert (alert.service, alert.severity, alert.summary) == ("svc", Severity.WARNING, LEAK.summary)
    assert (alert.labels, alert.raised_at) == ({"pipe": "a"}, clock.now())
    assert alert.fingerprint == fingerprint("svc", "PipeLeaks", {"pipe": "a"})


async def test_a_repeat_has_the_current_summary(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    await alert_publisher.on_conditions("pipes", [LEAK])
    clock.advance(hours=1)
    await alert_publisher.on_conditions(
        "pipes", [Condition("PipeLeaks", Severity.CRITICAL, "It gushes.", LEAK.labels)]
    )
    assert [(one.severity, one.summary) for one in await raised(database)] == [
        (Severity.WARNING, "It drips: see the pipe."),
        (Severity.CRITICAL, "It gushes."),
    ]
    assert [(row["severity"], row["summary"]) for row in await alert_state.raised(database)] == [
        ("critical", "It gushes.")
    ]


async def test_a_watcher_resolves_only_its_own_conditions(
    alert_publisher: AlertPublisher, database: Database
) -> None:
    await alert_publisher.on_conditions("pipes", [LEAK])
    await alert_publisher.on_conditions("cellars", [FLOOD])
    await alert_publisher.on_conditions("cellars", [])
    assert await resolved(database) == ["CellarFloods"]


async def test_the_same_condition_found_twice_is_one(
    alert_publisher: AlertPublisher, database: Database
) -> None:
    changed = Condition("PipeLeaks", Severity.WARNING, "It gushes.", LEAK.labels)
    await alert_publisher.on_conditions("pipes", [LEAK, changed, FLOOD])
    assert sorted(one.summary for one in await raised(database)) == ["It gushes.", FLOOD.summary]


async def test_a_condition_found_concurrently_is_raised_once(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    async def report_concurrently(*found: Condition) -> None:
        orders = (found, found[::-1]) * 3
        await asyncio.gather(*(alert_publisher.on_conditions("pipes", one) for one in orders))

    await report_concurrently(LEAK, FLOOD)
    assert sorted(await names(database)) == ["CellarFloods", "PipeLeaks"]
    clock.advance(hours=1)
    await report_concurrently(FLOOD, LEAK)
    assert len(await raised(database)) == 4
    await report_concurrently()
    assert sorted(await resolved(database)) == ["CellarFloods", "PipeLeaks"]


async def test_concurrent_watchers_do_not_deadlock(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    first, second = sorted([LEAK, FLOOD], key=lambda one: one.fingerprint("svc"))

    async def waits() -> bool:
        return bool(await database.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    async with database.transaction() as tx:
        await alert_publisher.raise_event(tx, [first], clock.now())
        other = asyncio.create_task(alert_publisher.on_conditions("pipes", [second, first]))
        await until(waits, what="the other waits for our lock")
        await alert_publisher.raise_event(tx, [second], clock.now())
    await other
    assert len(await raised(database)) == 2


async def test_a_resolved_condition_is_not_resolved_again(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    await alert_publisher.on_conditions("pipes", [LEAK])
    for ended in (["PipeLeaks"], []):
        async with database.transaction() as tx:
            rows = await alert_state.resolve(tx, [LEAK.fingerprint("svc")], clock.now())
        assert [row["name"] for row in rows] == ended


async def test_with_again_a_condition_is_repeated_at_once(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    for again in (False, False, True, True):
        async with database.transaction() as tx:
            await alert_publisher.sync(tx, "pipes", [LEAK], clock.now(), again=again)
    assert len(await raised(database)) == 3


async def test_an_event_is_raised_at_most_hourly_and_resolved_after_a_day_without_it(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    for _ in range(3):
        async with database.transaction() as tx:
            await alert_publisher.raise_event(tx, [FLOOD], clock.now())
        clock.advance(minutes=30)
    await alert_publisher.on_conditions("pipes", [LEAK])
    assert await names(database) == ["CellarFloods", "CellarFloods", "PipeLeaks"]
    clock.advance(hours=23)
    await alert_publisher.resolve_stale()
    assert await resolved(database) == []
    clock.advance(hours=1)
    for _ in range(2):
        await alert_publisher.resolve_stale()
    assert await resolved(database) == ["CellarFloods"], "only its own watcher resolves a condition"


async def test_an_unsendable_message_is_an_incident_and_an_alert_for_a_day(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    for _ in range(2):
        await alert_publisher.on_set_aside("priority", "row 7: too_large")
    assert [(one.name, one.labels) for one in await raised(database)] == [
        ("OutboxRowSetAside", {"lane": "priority"})
    ]
    assert await incidents.open_count(database) == 1
    await alert_publisher.on_set_aside("priority", "row 8: too_large")
    assert await incidents.open_count(database) == 2
    assert len(await raised(database)) == 1
    clock.advance(hours=25)
    await alert_publisher.resolve_stale()
    assert await resolved(database) == ["OutboxRowSetAside"]


async def test_firing_conditions_are_listed_oldest_first_with_their_start(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    since = clock.now()
    await alert_publisher.on_conditions("cellars", [FLOOD])
    clock.advance(hours=1)
    await alert_publisher.on_conditions("cellars", [FLOOD])
    await alert_publisher.on_conditions("pipes", [LEAK])
    found = [(row["name"], row["raised_at"], row["sent_at"]) for row in await alert_state.raised(database)]
    assert found == [("CellarFloods", since, clock.now()), ("PipeLeaks", clock.now(), clock.now())]
    await alert_publisher.on_conditions("cellars", [])
    assert [row["name"] for row in await alert_state.raised(database)] == ["PipeLeaks"]


async def test_firing_alerts_are_listed_and_raised_as_listed(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    await alert_publisher.on_conditions("pipes", [LEAK, FLOOD])
    await alert_publisher.on_conditions("pipes", [FLOOD])
    clock.advance(hours=1)
    await alert_publisher.list_firing()
    rows = await database.fetch("SELECT value FROM outbox_priority WHERE type = $1", AlertsFiring.TYPE)
    (listed,) = [AlertsFiring.model_validate_json(row["value"]) for row in rows]
    assert listed.firing == (FLOOD.fingerprint("svc"),)
    assert (listed.service, listed.listed_at) == ("svc", clock.now())
    assert all(one.listed for one in await raised(database))


async def test_the_first_start_and_the_last_heartbeat_are_recorded(
    database: Database, clock: FakeClock
) -> None:
    assert await alert_state.begun(database) is None
    assert await alert_state.seen(database, "worker") is None
    begun = clock.now()
    for _ in range(2):
        await alert_state.begin(database, clock.now())
        await alert_state.beat(database, "worker", clock.now())
        clock.advance(hours=1)
    assert await alert_state.begun(database) == begun
    assert await alert_state.seen(database, "worker") == begun + timedelta(hours=1)
    assert await alert_state.seen(database, "api") is None


async def test_with_different_clocks_no_alert_is_resolved_before_it_is_raised(
    database: Database, clock: FakeClock
) -> None:
    ahead = AlertPublisher("svc", database, FakeClock(clock.now() + timedelta(minutes=3)), PriorityOutbox())
    behind = AlertPublisher("svc", database, clock, PriorityOutbox())
    for one, found in ((ahead, [LEAK]), (behind, []), (behind, [LEAK]), (ahead, []), (behind, [LEAK])):
        await one.on_conditions("pipes", found)
    rows = await database.fetch("SELECT type, value FROM outbox_priority ORDER BY id")
    times = [
        AlertRaised.model_validate_json(row["value"]).raised_at
        if row["type"] == AlertRaised.TYPE
        else AlertResolved.model_validate_json(row["value"]).resolved_at
        for row in rows
    ]
    assert len(times) == 5
    assert times == sorted(set(times))


async def test_processes_that_find_the_same_raise_it_once(database: Database, clock: FakeClock) -> None:
    three = [AlertPublisher("svc", database, clock, PriorityOutbox()) for _ in range(3)]
    for found in ([LEAK], [LEAK, FLOOD], [FLOOD], []):
        await asyncio.gather(*(one.on_conditions("pipes", found) for one in three for _ in range(3)))
    assert sorted(await names(database)) == ["CellarFloods", "PipeLeaks"]
    assert sorted(await resolved(database)) == ["CellarFloods", "PipeLeaks"]


async def test_an_alert_after_a_restore_has_a_new_event_id(
    alert_publisher: AlertPublisher, database: Database, clock: FakeClock
) -> None:
    async def raise_for_hours() -> None:
        for _ in range(3):
            await alert_publisher.on_conditions("w", [FLOOD])
            clock.advance(hours=1, seconds=1)
        await alert_publisher.on_conditions("w", [])
        clock.advance(hours=1)

    await raise_for_hours()
    before = {row["event_id"] for row in await database.fetch("SELECT event_id FROM outbox_priority")}
    await database.execute("TRUNCATE alert_state, outbox_priority")  # as after a restore of an older dump
    await raise_for_hours()
    after = {row["event_id"] for row in await database.fetch("SELECT event_id FROM outbox_priority")}
    assert (len(before), len(after), before & after) == (4, 4, set())
