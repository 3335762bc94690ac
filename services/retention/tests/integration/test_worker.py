"""The worker with real Kafka and PostgreSQL, the sweep as a process, and owners of every behaviour."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from clawback_common.clock import SystemClock
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.sweep.v1 import Action, SweepCompleted
from clawback_local.config import claimed
from clawback_testing.broker import Broker
from clawback_testing.waiting import until
from retention.service import assemble
from retention.settings import Settings
from retention.use_cases import sweeps
from retention.use_cases.service import GROUP
from services.retention.tests.integration.conftest import World
from services.retention.tests.integration.processes import (
    GARBAGE_RECORDS,
    ProcessHarness,
    answers_from,
    completes,
    completes_twice,
    fails,
    owners,
    sends_garbage,
    silent,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest_asyncio.fixture
async def harness(
    topics: Broker,
    database: Database,
    database_url: str,
    kafka_bootstrap: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ProcessHarness]:
    """A broker and a database."""
    with claimed({"probes": 8105}) as ports:
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
            "DATABASE_URL": database_url,
            "HTTP_PORT": str(ports["probes"]),
            "LOG_LEVEL": "warning",
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        made = ProcessHarness(service=GROUP, broker=topics, db=database, port=ports["probes"])
        try:
            yield made
        finally:
            await made.end()


async def _states(harness: ProcessHarness) -> dict[str, str]:
    rows = await harness.db.fetch("SELECT data_class, state FROM sweep")
    return {row["data_class"]: row["state"] for row in rows}


async def test_a_sweep_of_all_classes_waits_for_all_owners_including_retention(
    harness: ProcessHarness,
) -> None:
    old = datetime.now(UTC) - timedelta(days=400)
    await harness.db.execute(
        "INSERT INTO job_run (id, job, cause, exclusive, started_at, heartbeat_at, ended_at, outcome)"
        " VALUES (gen_random_uuid(), 'sweep', 'test', false, $1, $1, $1, 'done')",
        old,
    )
    async with (
        harness.working(),
        owners(
            harness,
            ingester=completes_twice,
            compliance=completes,
            analytics=sends_garbage,
            alerting=completes,
        ),
    ):
        code, output = await harness.job("sweep", "--wait", "1")
        to_analytics = [one for one in await harness.requests() if "analytics" in one.owners]
        count = GARBAGE_RECORDS * len(to_analytics)

        async def all_quarantined() -> bool:
            return len(await harness.broker.read("retention.dlq.v1")) == count

        await until(all_quarantined, what="each undecodable answer has its dead letter")
    assert code == 0, output
    assert set((await _states(harness)).values()) == {"done"}
    assert "job_runs: retention found 1, 1 removed" in output
    assert "WARNING" not in output
    assert await harness.db.fetchval("SELECT count(*) FROM job_run WHERE started_at = $1", old) == 0
    letters = await harness.broker.events("retention.dlq.v1", DeadLetter)
    assert len({letter.quarantine_id for letter in letters}) == count
    for record in await harness.broker.read("retention.dlq.v1"):
        assert b"somebody else" not in record.value


async def test_tables_are_maintained_and_their_bloat_is_reported(harness: ProcessHarness) -> None:
    service = assemble(Settings(), harness.db, SystemClock(), PriorityOutbox())
    (sweep,) = await sweeps.sweeps_requested(
        [service.policies["job_runs"]], service, by="test", cause="test", action=Action.VACUUM
    )
    others = dict.fromkeys(("ingester", "compliance", "analytics", "alerting"), completes)
    async with harness.working(), owners(harness, **others):

        async def closed() -> bool:
            return await _states(harness) == {"job_runs": "done"}

        await until(closed, what="it is answered")
    tables = await harness.db.fetchval(
        "SELECT tables FROM sweep_answer WHERE sweep_id = $1 AND owner = 'retention'", sweep.sweep_id
    )
    (table,) = orjson.loads(tables)
    assert table["table"] == "job_run"
    assert {"bytes_before", "bytes_after", "bloat_before", "bloat_after"} < set(table)


async def test_failed_and_unanswered_owners_are_reported_and_a_late_answer_closes_the_sweep(
    harness: ProcessHarness,
) -> None:
    async with harness.working():
        async with owners(
            harness, ingester=silent, analytics=completes, compliance=fails, alerting=completes
        ):
            code, output = await harness.job("sweep", "--class", "compliance_records", "--wait", "1")
            assert (code, "compliance FAILED: the archive is missing" in output) == (3, True), output
            code, output = await harness.job("sweep", "--class", "articles", "--wait", "0.05")
            assert (code, "1 owners did not answer in time" in output) == (3, True), output
        assert await _states(harness) == {"compliance_records": "attention", "articles": "requested"}
        await harness.db.execute("UPDATE sweep SET next_send_at = now() WHERE state = 'requested'")
        async with owners(harness, ingester=answers_from(2)):

            async def closed() -> bool:
                return (await _states(harness))["articles"] == "done"

            await until(closed, what="the late answer is saved")
    first, second = [one for one in await harness.requests() if one.data_class == "articles"]
    assert (first.owners, second.owners) == (("ingester", "analytics"), ("ingester",))


async def test_a_missing_worker_is_reported_and_a_later_worker_sends_the_requests_with_their_holds(
    harness: ProcessHarness,
) -> None:
    service = assemble(Settings(), harness.db, SystemClock(), PriorityOutbox())
    await World(service, SystemClock()).hold("metabase:1")  # type: ignore[arg-type]
    code, output = await harness.job("sweep", "--class", "articles", "--wait", "0.02")
    assert code == 3, output
    assert "no worker heartbeat (never seen)" in output
    code, output = await harness.job("holds")
    assert (code, "1 articles" in output) == (0, True)
    async with harness.working(), owners(harness, ingester=completes, analytics=completes):

        async def closed() -> bool:
            return await _states(harness) == {"articles": "done"}

        await until(closed, what="it is answered")
    (request,) = await harness.requests()
    assert [hold.article_ids for hold in request.holds] == [("metabase:1",)]


async def test_a_wiped_broker_and_a_killed_worker_lose_no_request(harness: ProcessHarness) -> None:
    worker = await harness.ready("worker", harness.port)
    sweeping = asyncio.create_task(harness.job("sweep", "--class", "alerts", "--wait", "2"))
    await until(harness.requests, what="it is requested")
    worker.kill()
    await worker.wait()
    await harness.broker.delete_records("sweeps.v1")
    await harness.db.execute("UPDATE sweep SET next_send_at = now()")
    async with harness.working(), owners(harness, alerting=completes):
        code, output = await sweeping
    assert code == 0, output
    (answer,) = await harness.broker.events("sweep-results.v1", SweepCompleted)
    assert answer.attempt == 2


async def test_the_other_roles_end_with_a_message(harness: ProcessHarness, databases: Any) -> None:
    async with databases.fresh([]) as empty:
        code, output = await harness.job("worker", DATABASE_URL=empty)
        assert (code, "run the role `migrate` of the service first" in output) == (2, True), output
        code, output = await harness.job("migrate", DATABASE_URL=empty)
        assert (code, "retention/0001_retention.pre.sql" in output) == (0, True), output
    code, output = await harness.job("replay-dlq")
    assert (code, output.splitlines()[0]) == (0, "dead letters: 0 reprocessed, 0 failed again")
    code, output = await harness.job("accept-gap")
    assert (code, "no gap" in output) == (0, True)


async def test_the_api_becomes_ready_and_stops_on_request(harness: ProcessHarness) -> None:
    process = await harness.ready("api", harness.port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{harness.port}") as http:
        assert len((await http.get("/api/v1/retention/policies")).json()["items"]) == 6
        assert (await http.get("/openapi.json")).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0
