"""The complete worker with a real broker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from analytics.gateways import metrics
from analytics.service import SERVICE, assemble
from analytics.settings import Settings
from analytics.use_cases import incidents
from analytics.use_cases.service import Service
from analytics.use_cases.watching import measure
from clawback_common.clock import SystemClock
from clawback_common.errors import Stop
from clawback_common.postgres import Database
from clawback_common.service.api import serve_api
from clawback_common.service.cli import PHASES, bring_up_to_date
from clawback_common.service.dead_letters import accept_gap, replay
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.work import work, worker_of
from clawback_common.telemetry import configure_logging
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.revocation.v1 import ArticleRemoved
from clawback_contracts.run.v1 import RunFailed
from clawback_contracts.sweep.v1 import SweepCompleted
from clawback_testing.broker import Broker, Raw
from clawback_testing.compliance import Compliance
from clawback_testing.waiting import until
from clawback_testing.workers import running
from services.analytics.tests.integration.world import CANARY, World, message

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(
    topics: Broker, database_url: str, compliance: Compliance, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of a worker on this test's servers."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", topics.bootstrap)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return Settings(compliance_url=compliance.url)


@asynccontextmanager
async def working(settings: Settings, db: Database) -> AsyncIterator[Service]:
    """A complete worker; it is stopped at the end of the block."""
    async with SERVICE.open(settings) as opened:
        ours = assemble(settings, db, SystemClock(), opened.outbox, opened.cache)
        stopping = ShutdownEvent()
        async with running(worker_of(SERVICE, ours, stopping, 0), stopping):
            yield ours


async def test_published_articles_are_counted_and_orders_applied_and_answered(
    world: World, topics: Broker, settings: Settings
) -> None:
    at = world.clock.now()
    articles = [world.article(f"up:{n}") for n in range(60)]
    async with working(settings, world.db):
        await topics.send("articles.v1", [message(one, at=at) for one in articles])

        async def counted() -> bool:
            return await world.total() == 60

        await until(counted, what="all counted")
        orders = [world.revocation(f"up:{n}") for n in range(0, 60, 2)]
        await topics.send("revocations.v1", [message(one, at=at) for one in orders])
        run = RunFailed(run_id=world.sweep().sweep_id, started_at=at, ended_at=at, error="failed")
        await topics.send("compliance-runs.v1", [message(run, at=at)])
        await topics.send("sweeps.v1", [message(world.sweep("job_runs"), at=at)])

        async def answered() -> bool:
            swept = await topics.events("sweep-results.v1", SweepCompleted)
            receipts = await topics.events("removal-receipts.v1", ArticleRemoved)
            runs = await world.db.fetchval("SELECT count(*) FROM compliance_run")
            return len(receipts) == 30 and len(swept) == 1 and runs == 1

        await until(answered, what="all answered")
    receipts: list[ArticleRemoved] = await topics.events("removal-receipts.v1", ArticleRemoved)
    assert {one.holder for one in receipts} == {"analytics"}
    assert {(removal.copy_kind, removal.outcome.value) for one in receipts for removal in one.removals} == {
        ("content", "removed"),
        ("quarantine", "never_held"),
    }
    assert await world.held(*(one.article_id for one in articles)) == {f"up:{n}" for n in range(1, 60, 2)}
    await world.must_be_exact()


async def test_orders_expired_from_their_topic_are_applied_before_anything_is_counted(
    world: World, topics: Broker, settings: Settings, compliance: Compliance
) -> None:
    at = world.clock.now()
    compliance.orders.append(world.revocation("up:1"))
    await topics.send("revocations.v1", [message(order, at=at) for order in compliance.orders])
    await topics.delete_records("revocations.v1")
    async with working(settings, world.db):
        await topics.send("articles.v1", [message(world.article(f"up:{n}"), at=at) for n in (1, 2)])

        async def counted() -> bool:
            return await world.total() > 0

        await until(counted, what="the other one")
    assert await world.held("up:1", "up:2") == {"up:2"}


async def test_garbage_on_any_topic_affects_no_valid_record_and_leaks_nothing(
    world: World, topics: Broker, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("analytics", "debug", "json")
    at = world.clock.now()
    good = Raw.of(message(world.article("up:1"), at=at))
    order = Raw.of(message(world.revocation("up:2"), at=at))
    sweep = Raw.of(message(world.sweep("job_runs"), at=at))
    run = Raw.of(
        message(RunFailed(run_id=world.sweep().sweep_id, started_at=at, ended_at=at, error="e"), at=at)
    )
    sent = {
        topic: [*_garbage(raw), raw]
        for topic, raw in {
            "articles.v1": good,
            "revocations.v1": order,
            "sweeps.v1": sweep,
            "compliance-runs.v1": run,
        }.items()
    }
    sent["articles.v1"].append(good.replace(value=b'{"x":"' + b"a" * (CONTENT_BYTES_MAX + 20_000) + b'"}'))
    sent["articles.v1"].append(
        Raw.of(message(world.article("up:1", 2, topics=({"name": "a\0b"},)), at=at)).replace()
    )
    bad = sum(len(some) for some in sent.values()) - 4
    async with working(settings, world.db):
        for topic, records in sent.items():
            await topics.send(topic, records)

        async def done() -> bool:
            dead = len(await topics.events("analytics.dlq.v1", DeadLetter))
            answers = len(await topics.events("removal-receipts.v1", ArticleRemoved))
            swept = len(await topics.events("sweep-results.v1", SweepCompleted))
            runs = await world.db.fetchval("SELECT count(*) FROM compliance_run")
            return (dead, answers, swept, runs, await world.total()) == (bad, 1, 1, 1, 1)

        await until(done, what="everything is processed", deadline_s=40)
    logged = capsys.readouterr().err
    assert "listening" in logged
    reasons = {one.reason for one in await topics.events("analytics.dlq.v1", DeadLetter)}
    assert reasons >= {
        "null_value",
        "value_invalid",
        "header_missing",
        "version_unknown",
        "type_unknown",
        "key_mismatch",
        "value_too_large",
        "nul_character",
    }
    alerts: list[AlertRaised] = await topics.events("alerts.v1", AlertRaised)
    assert {one.name for one in alerts} == {"UnreadableOrder"}
    texts = [logged]
    for topic in ("analytics.dlq.v1", "alerts.v1", "removal-receipts.v1", "sweep-results.v1"):
        texts += [repr(record) for record in await topics.read(topic)]
    for table in ("facet", "value", "filter_key", "incident", "outbox_priority", "job_run", "sweep_task"):
        sql = "SELECT coalesce(string_agg(t::text, ' '), '') FROM facet AS t".replace("facet", table)
        texts.append(await world.db.fetchval(sql))
    assert not [text for text in texts if CANARY in text]


def _garbage(good: Raw) -> list[Raw]:
    """Invalid records."""
    return [
        good.replace(value=None),
        good.replace(value=CANARY.encode()),
        good.replace(value=f'{{"article_id": ["{CANARY}"]}}'.encode()),
        good.replace(value=b"\xff\xfe"),
        good.replace(headers={"ce_id": None}),
        good.replace(headers={"ce_type": b"\xff"}),
        good.replace(headers={"ce_type": ...}),
        good.replace(headers={"ce_type": dict(good.headers)["ce_type"][:-1] + b"9"}),  # type: ignore[index]
        good.replace(headers={"ce_type": b"clawback.unheard.of.v1"}),
        good.replace(key=b"up:other"),
        good.replace(key=None),
        good.replace(key=b"up:\0"),
        good.replace(key=b"x" * 9_000),
    ]


async def test_a_row_that_cannot_be_sent_is_an_incident_and_an_alert(world: World) -> None:
    await incidents.on_set_aside(world.service, "priority", "row 7: too_large: 3000000 bytes")
    await incidents.on_set_aside(world.service, "priority", "row 7: too_large: 3000000 bytes")
    assert [one.name for one in await world.unsent(AlertRaised)] == ["OutboxRowSetAside"]
    assert await world.db.fetchval("SELECT count(*) FROM incident WHERE kind = 'unsendable_row'") == 1


async def test_a_worker_measures_its_articles(world: World) -> None:
    await world.publish(world.article("up:1"))
    await measure(world.service)
    assert metrics.HELD.labels("counted")._value.get() == 1


async def test_the_commands_of_the_service_report_their_results(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    await bring_up_to_date(SERVICE, world.db, PHASES["all"])
    assert "none, the database is up to date" in capsys.readouterr().out
    bad = Raw.of(message(world.article("up:1"), at=world.clock.now()))
    assert bad.value is not None
    lines: list[str] = []
    async with SERVICE.open(settings) as ours:
        assert await accept_gap(SERVICE, ours, lines.append) == 0
        assert await replay(SERVICE, ours, lines.append) == 0
    assert lines == ["accepted: no gap", "dead letters: 0 reprocessed, 0 failed again"]


async def test_a_dead_letter_that_became_valid_is_counted_when_reprocessed(
    world: World, topics: Broker, settings: Settings
) -> None:
    good = Raw.of(message(world.article("up:1"), at=world.clock.now()))
    async with working(settings, world.db) as ours:
        await topics.send("articles.v1", [good.replace(headers={"ce_id": None})])

        async def set_aside() -> bool:
            return bool(await world.db.fetchval("SELECT count(*) FROM quarantine"))

        await until(set_aside, what="quarantined")
        assert await replay(SERVICE, ours, str) == 3
        await world.db.execute("""UPDATE quarantine SET headers = headers || '{"ce_id": "1"}'""")
        assert await replay(SERVICE, ours, str) == 0
    assert await world.total() == 1


async def test_worker_and_api_become_ready_and_stop_on_request(
    settings: Settings, database: Database, unused_tcp_port_factory: Callable[[], int]
) -> None:
    assert database is not None
    stopping, ports = ShutdownEvent(), (unused_tcp_port_factory(), unused_tcp_port_factory())
    ours, theirs = (settings.model_copy(update={"http_port": port}) for port in ports)
    async with SERVICE.open(ours) as one, SERVICE.open(theirs) as other, httpx.AsyncClient() as http:
        tasks = [
            asyncio.create_task(work(SERVICE, one, stopping)),
            asyncio.create_task(serve_api(SERVICE, other, stopping)),
        ]

        async def answers() -> bool:
            assert not [task for task in tasks if task.done()]
            try:
                responses = [await http.get(f"http://127.0.0.1:{port}/readyz") for port in ports]
            except httpx.HTTPError:
                return False
            return [one.status_code for one in responses] == [200, 200]

        await until(answers, what="both are ready")
        health = (await http.get(f"http://127.0.0.1:{ports[1]}/api/v1/analytics/health")).json()
        checks = ["cache", "database", "orders", "rate limits"]
        assert (health["status"], sorted(health["checks"])) == ("healthy", checks)
        stopping.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)


async def test_a_worker_stops_at_a_database_that_is_not_migrated(
    settings: Settings, database: Database
) -> None:
    await database.execute("DROP TABLE schema_migration")
    async with SERVICE.open(settings) as ours:
        with pytest.RaisesGroup(Stop, flatten_subgroups=True):
            await work(SERVICE, ours, ShutdownEvent())
