"""The worker and the jobs on a real broker and database: after kills, garbage and data loss."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
import uvicorn
from aiokafka import AIOKafkaConsumer
from pydantic import SecretStr

from clawback_common.clock import SystemClock
from clawback_common.postgres import Database
from clawback_contracts.alert.v1 import AlertRaised
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.revocation.v1 import (
    ArticleRemoved,
    Reason,
    RevocationNoticed,
)
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from clawback_local.config import claimed
from clawback_testing.broker import Broker, Raw
from clawback_testing.commands import command
from clawback_testing.databases import Databases
from clawback_testing.waiting import until
from compliance.service import SERVICE
from compliance.settings import Settings
from compliance.use_cases import holders
from compliance.use_cases.service import GROUP
from compliance.use_cases.watching import watch_readers
from services.compliance.tests.integration.conftest import SEARCH, service_of
from services.compliance.tests.integration.fake_ingester import FakeIngester
from services.compliance.tests.integration.processes import ProcessHarness, answering, message

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
LIVE = {f"metabase:live-{n}" for n in range(10)}


@pytest_asyncio.fixture
async def harness(
    topics: Broker,
    database: Database,
    database_url: str,
    kafka_bootstrap: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ProcessHarness]:
    """A broker, a database, an ingester that holds what it lists, and a registered consumer."""
    fake_ingester = FakeIngester(held=set(LIVE), listed=set(LIVE))
    with claimed({"probes": 8102, "fake_ingester": 8011}) as ports:
        probe_port, http_port = ports["probes"], ports["fake_ingester"]
        server = uvicorn.Server(
            uvicorn.Config(fake_ingester.app(), port=http_port, log_level="warning", lifespan="off")
        )
        serving = asyncio.create_task(server.serve())
        base = f"http://127.0.0.1:{http_port}"
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
            "DATABASE_URL": database_url,
            "HTTP_PORT": str(probe_port),
            "INGESTER_URL": base,
            "STORES": f'{{"ingester": "{base}/api/v1/ingester/holdings"}}',
            "LOG_LEVEL": "warning",
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        made = ProcessHarness(
            service=GROUP, broker=topics, db=database, fake_ingester=fake_ingester, port=probe_port
        )
        service = service_of(Settings(), database, SystemClock())
        await holders.holder_registered(SEARCH, "test", service)
        try:
            yield made
        finally:
            await made.end()
            server.should_exit = True
            await serving


async def _closed(harness: ProcessHarness, count: int) -> bool:
    return await harness.states("ingester") == {"verified": count} and await harness.states("search") == {
        "verified": count
    }


async def test_a_notice_on_kafka_leads_to_verified_obligations(harness: ProcessHarness) -> None:
    harness.fake_ingester.held.add("metabase:1")
    async with harness.working(), answering(harness, "ingester", "search"):
        await harness.notice("metabase:1")
        await until(lambda: _closed(harness, 1), what="it is closed")
    (order,) = await harness.orders()
    assert (order.article_id, order.previous_order, order.attempt) == ("metabase:1", 0, 1)


async def test_a_killed_worker_loses_no_notice_and_issues_no_order_twice(harness: ProcessHarness) -> None:
    ids = [f"metabase:{n}" for n in range(300)]
    worker = await harness.worker()
    async with answering(harness, "ingester", "search"):
        sending = asyncio.create_task(harness.notice(*ids))
        await until(lambda: harness.db.fetchval("SELECT count(*) FROM notice"), what="the first are stored")
        worker.kill()
        await worker.wait()
        await sending
        await harness.worker()
        await until(lambda: _closed(harness, 300), deadline_s=60, what="all are closed")
    issued = {(order.article_id, order.order) for order in await harness.orders()}
    assert sorted(article_id for article_id, _ in issued) == sorted(ids)


async def test_garbage_is_quarantined_once_and_valid_records_are_processed(harness: ProcessHarness) -> None:
    good = RevocationNoticed(
        notice_id=uuid4(),
        article_id="metabase:1",
        reason=Reason.LICENSOR,
        noticed_by="upstream",
        noticed_at=datetime.now(UTC),
    )
    raw = Raw.of(message(good, good.notice_id))
    secret = b'{"title": "the text of somebody else"}'
    bad = [
        raw.replace(value=None),
        raw.replace(value=b"\xff\xfe"),
        raw.replace(value=b"not json"),
        raw.replace(value=secret),
        raw.replace(headers={"ce_type": b"clawback.revocation.noticed.v9"}),
        raw.replace(headers={"ce_id": ...}),
        raw.replace(headers={"ce_id": None}),
        raw.replace(headers={"ce_type": b"\xff"}),
        raw.replace(key=b"metabase:other"),
        raw.replace(value=b'{"pad": "' + b"x" * 900_000 + b'"}'),
    ]
    await harness.broker.send(RevocationNoticed.TOPIC, [*bad[:5], raw, *bad[5:]])
    await harness.broker.send(ArticleRemoved.TOPIC, [raw.replace(value=b"not json")])
    count = len(bad) + 1

    async def all_quarantined() -> bool:
        return len(await harness.broker.read("compliance.dlq.v1")) == count

    async def alerted() -> bool:
        return "UnreadableRevocationRecord" in {
            alert.name for alert in await harness.broker.events("alerts.v1", AlertRaised)
        }

    async with harness.working():
        await until(lambda: harness.db.fetchval("SELECT count(*) FROM notice"), what="one is stored")
        await until(all_quarantined, what="each has its dead letter")
        await until(alerted, what="the officer is paged")
    letters = await harness.broker.events("compliance.dlq.v1", DeadLetter)
    assert len({letter.quarantine_id for letter in letters}) == count
    for record in await harness.broker.read("compliance.dlq.v1"):
        assert b"somebody else" not in record.value
    assert await harness.db.fetchval("SELECT count(*) FROM incident WHERE closed_at IS NULL") == count


async def test_an_order_whose_receipt_was_lost_is_sent_again(harness: ProcessHarness) -> None:
    async with harness.working(), answering(harness, "ingester", "search", miss=1) as attempts:
        await harness.notice("metabase:1")
        await until(lambda: attempts, what="the order is received")
        await until(
            lambda: harness.db.fetchval("SELECT count(*) FROM outbox_priority WHERE sent_at IS NOT NULL")
        )
        await harness.db.execute("UPDATE revocation SET next_send_at = now() WHERE closed_at IS NULL")
        await until(lambda: _closed(harness, 1), what="it is closed")
    assert attempts[:2] == [1, 2]


async def test_open_orders_survive_a_wiped_broker(harness: ProcessHarness) -> None:
    async with harness.working():
        await harness.notice("metabase:1", "metabase:2")
        await until(
            lambda: harness.db.fetchval(
                "SELECT count(*) = 2 FROM outbox_priority WHERE topic = 'revocations.v1' AND sent_at IS NOT NULL"
            )
        )
        await harness.broker.delete_records("revocations.v1")
        assert await harness.orders() == []
        async with answering(harness, "ingester", "search"):
            await harness.db.execute("UPDATE revocation SET next_send_at = now() WHERE closed_at IS NULL")
            await until(lambda: _closed(harness, 2), what="both are closed")


async def test_an_unregistered_consumer_of_the_articles_raises_an_alert(harness: ProcessHarness) -> None:
    group = f"unknown-{uuid4().hex[:6]}"
    for name in (group, "search"):
        async with AIOKafkaConsumer(
            "articles.v1", bootstrap_servers=harness.broker.bootstrap, group_id=name, enable_auto_commit=False
        ) as consumer:
            await until(consumer.assignment, what="it is assigned")
            await consumer.commit(dict.fromkeys(consumer.assignment(), 0))
    settings = Settings(kafka_bootstrap_servers=harness.broker.bootstrap)
    service = service_of(settings, harness.db, SystemClock())
    await watch_readers(service)
    rows = await harness.db.fetch(
        "SELECT name, labels ->> 'group' AS reader FROM alert_state WHERE resolved_at IS NULL"
    )
    assert [(row["name"], row["reader"]) for row in rows] == [("UnregisteredConsumer", group)]


async def test_a_run_in_its_own_process_waits_for_the_worker(harness: ProcessHarness) -> None:
    async def create(poll_id: object) -> int:
        harness.fake_ingester.held |= {"metabase:1", "metabase:2"}
        await harness.notice("metabase:1", "metabase:2", poll_id=poll_id)
        return 2

    harness.fake_ingester.brings = create
    async with harness.working(), answering(harness, "ingester", "search"):
        code, output = await harness.job("run", "--wait", "1")
    assert code == 0, output
    assert "2 of 2 notices recorded, 4 of 4 obligations closed" in output

    async def run_results() -> list[Any]:
        return await harness.broker.events("compliance-runs.v1", RunCompleted, RunFailed)

    (completed,) = await until(run_results, what="the result is published")
    assert (completed.noticed, completed.closed, completed.open) == (2, 4, 0)


async def test_a_run_without_a_worker_reports_it_and_does_not_succeed(harness: ProcessHarness) -> None:
    async def create(poll_id: object) -> int:
        await harness.notice("metabase:1", poll_id=poll_id)
        return 1

    harness.fake_ingester.brings = create
    code, output = await harness.job("run", "--wait", "0.02")
    assert code == 3, output
    assert "no worker heartbeat (never seen)" in output
    service = service_of(Settings(), harness.db, SystemClock())
    assert await command(SERVICE, service, "health") == 0, "a run completed, and nothing is overdue yet"


async def test_a_run_against_a_failing_provider_ends_with_1(harness: ProcessHarness) -> None:
    harness.fake_ingester.failing = 502
    code, output = await harness.job("run", "--wait", "0.02")
    assert (code, "FAILED" in output) == (1, True)
    assert await harness.db.fetchval("SELECT state FROM run") == "failed"


async def test_pending_migrations_are_reported(
    harness: ProcessHarness, databases: Databases, capsys: pytest.CaptureFixture[str]
) -> None:
    async with databases.fresh([]) as empty:
        code, output = await harness.job("worker", DATABASE_URL=empty)
        assert code == 2
        code, output = await harness.job("migrate", DATABASE_URL=empty)
        assert (code, "compliance/0001_compliance.pre.sql" in output) == (0, True)
        async with SERVICE.open(Settings(database_url=SecretStr(empty))) as service:
            assert await command(SERVICE, service, "migrate") == 0
        assert "up to date" in capsys.readouterr().out
        connection = await asyncpg.connect(empty)
        assert await connection.fetchval("SELECT count(*) FROM revocation") == 0
        await connection.close()


async def test_a_command_reprocesses_the_dead_letters(harness: ProcessHarness) -> None:
    code, output = await harness.job("replay-dlq")
    assert (code, output.splitlines()[0]) == (0, "dead letters: 0 reprocessed, 0 failed again")
    code, output = await harness.job("accept-gap")
    assert (code, "no gap" in output) == (0, True)


async def test_the_api_becomes_ready_and_stops_on_request(harness: ProcessHarness) -> None:
    process = await harness.ready("api", harness.port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{harness.port}") as http:
        assert (await http.get("/api/v1/compliance/status")).json()["status"] == "unknown"
        assert (await http.get("/openapi.json")).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0
