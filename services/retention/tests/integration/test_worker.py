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
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.sweep.v1 import Action, SweepCompleted
from clawback_local.ports import claimed
from clawback_testing.broker import Broker
from clawback_testing.waiting import until
from retention.service import assemble
from retention.settings import Settings
from retention.use_cases import sweeps
from retention.use_cases.service import GROUP
from services.retention.tests.integration.conftest import World
from services.retention.tests.integration.processes import (
    NONSENSE,
    Around,
    does_it,
    does_it_twice,
    fails,
    is_silent,
    owners,
    silent_until,
    talks_nonsense,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest_asyncio.fixture
async def around(
    topics: Broker,
    database: Database,
    database_url: str,
    kafka_bootstrap: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Around]:
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
        made = Around(service=GROUP, broker=topics, db=database, port=ports["probes"])
        try:
            yield made
        finally:
            await made.end()


async def _states(around: Around) -> dict[str, str]:
    rows = await around.db.fetch("SELECT data_class, state FROM sweep")
    return {row["data_class"]: row["state"] for row in rows}


async def test_a_sweep_of_all_classes_waits_for_all_owners_including_retention(around: Around) -> None:
    old = datetime.now(UTC) - timedelta(days=400)
    await around.db.execute(
        "INSERT INTO job_run (id, job, cause, exclusive, started_at, beat_at, ended_at, outcome)"
        " VALUES (gen_random_uuid(), 'sweep', 'test', false, $1, $1, $1, 'done')",
        old,
    )
    async with (
        around.working(),
        owners(
            around,
            ingester=does_it_twice,
            compliance=does_it,
            analytics=talks_nonsense,
            alerting=does_it,
        ),
    ):
        code, said = await around.job("sweep", "--wait", "1")
        asked_of_analytics = [one for one in await around.requests() if "analytics" in one.owners]
        count = NONSENSE * len(asked_of_analytics)

        async def all_told() -> bool:
            return len(await around.broker.read("retention.dlq.v1")) == count

        await until(all_told, what="each undecodable answer has its dead letter")
    assert code == 0, said
    assert set((await _states(around)).values()) == {"done"}
    assert "job_runs: retention found 1, 1 removed" in said
    assert "WARNING" not in said
    assert await around.db.fetchval("SELECT count(*) FROM job_run WHERE started_at = $1", old) == 0
    letters = await around.broker.events("retention.dlq.v1", DeadLetter)
    assert len({letter.quarantine_id for letter in letters}) == count
    for record in await around.broker.read("retention.dlq.v1"):
        assert b"somebody else" not in record.value


async def test_tables_are_maintained_and_their_bloat_is_reported(around: Around) -> None:
    service = assemble(Settings(), around.db, SystemClock(), OrdersOutbox())
    (sweep,) = await sweeps.sweeps_requested(
        [service.policies["job_runs"]], service, by="test", cause="test", action=Action.VACUUM
    )
    everybody_else = dict.fromkeys(("ingester", "compliance", "analytics", "alerting"), does_it)
    async with around.working(), owners(around, **everybody_else):

        async def closed() -> bool:
            return await _states(around) == {"job_runs": "done"}

        await until(closed, what="it is answered")
    tables = await around.db.fetchval(
        "SELECT tables FROM sweep_answer WHERE sweep_id = $1 AND owner = 'retention'", sweep.sweep_id
    )
    (table,) = orjson.loads(tables)
    assert table["table"] == "job_run"
    assert {"bytes_before", "bytes_after", "bloat_before", "bloat_after"} < set(table)


async def test_failed_and_unanswered_owners_are_reported_and_a_late_answer_closes_the_sweep(
    around: Around,
) -> None:
    async with around.working():
        async with owners(around, ingester=is_silent, analytics=does_it, compliance=fails, alerting=does_it):
            code, said = await around.job("sweep", "--class", "compliance_records", "--wait", "1")
            assert (code, "compliance FAILED: the archive is missing" in said) == (3, True), said
            code, said = await around.job("sweep", "--class", "articles", "--wait", "0.05")
            assert (code, "1 owners did not answer in time" in said) == (3, True), said
        assert await _states(around) == {"compliance_records": "attention", "articles": "requested"}
        await around.db.execute("UPDATE sweep SET next_send_at = now() WHERE state = 'requested'")
        async with owners(around, ingester=silent_until(2)):

            async def closed() -> bool:
                return (await _states(around))["articles"] == "done"

            await until(closed, what="the late answer is saved")
    first, second = [one for one in await around.requests() if one.data_class == "articles"]
    assert (first.owners, second.owners) == (("ingester", "analytics"), ("ingester",))


async def test_a_missing_worker_is_reported_and_a_later_worker_sends_the_requests_with_their_holds(
    around: Around,
) -> None:
    service = assemble(Settings(), around.db, SystemClock(), OrdersOutbox())
    await World(service, SystemClock()).hold("metabase:1")  # type: ignore[arg-type]
    code, said = await around.job("sweep", "--class", "articles", "--wait", "0.02")
    assert code == 3, said
    assert "no worker heartbeat (never seen)" in said
    code, said = await around.job("holds")
    assert (code, "1 articles" in said) == (0, True)
    async with around.working(), owners(around, ingester=does_it, analytics=does_it):

        async def closed() -> bool:
            return await _states(around) == {"articles": "done"}

        await until(closed, what="it is answered")
    (request,) = await around.requests()
    assert [hold.article_ids for hold in request.holds] == [("metabase:1",)]


async def test_a_wiped_broker_and_a_killed_worker_lose_no_request(around: Around) -> None:
    worker = await around.ready("worker", around.port)
    sweeping = asyncio.create_task(around.job("sweep", "--class", "alerts", "--wait", "2"))
    await until(around.requests, what="it is requested")
    worker.kill()
    await worker.wait()
    await around.broker.delete_records("sweeps.v1")
    await around.db.execute("UPDATE sweep SET next_send_at = now()")
    async with around.working(), owners(around, alerting=does_it):
        code, said = await sweeping
    assert code == 0, said
    (answer,) = await around.broker.events("sweep-results.v1", SweepCompleted)
    assert answer.attempt == 2


async def test_the_other_roles_end_with_a_message(around: Around, databases: Any) -> None:
    async with databases.fresh([]) as empty:
        code, said = await around.job("worker", DATABASE_URL=empty)
        assert (code, "run the role `migrate` of the service first" in said) == (2, True), said
        code, said = await around.job("migrate", DATABASE_URL=empty)
        assert (code, "retention/0001_retention.pre.sql" in said) == (0, True), said
    code, said = await around.job("replay-dlq")
    assert (code, said.splitlines()[0]) == (0, "dead letters: 0 reprocessed, 0 failed again")
    code, said = await around.job("accept-gap")
    assert (code, "no gap" in said) == (0, True)


async def test_the_api_becomes_ready_and_stops_on_request(around: Around) -> None:
    process = await around.ready("api", around.port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{around.port}") as http:
        assert len((await http.get("/api/v1/retention/policies")).json()["items"]) == 6
        assert (await http.get("/openapi.json")).status_code == 200
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0
