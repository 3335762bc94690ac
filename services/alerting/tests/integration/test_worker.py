"""The worker and the commands with real Kafka, PostgreSQL and sinks: killed, fed garbage, two at once."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from alerting.use_cases.service import GROUP
from clawback_common.kafka.envelope import Message
from clawback_common.postgres import Database
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, Severity, fingerprint
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import Event, event_id
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from clawback_contracts.sweep.v1 import Action, SweepCompleted, SweepFailed, SweepRequested
from clawback_local.config import claimed
from clawback_testing.broker import Broker, Raw
from clawback_testing.examples import load
from clawback_testing.waiting import until
from services.alerting.tests.integration.processes import ProcessHarness
from services.alerting.tests.integration.sinks import MailSink, SmsSink

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
OFFICER = "officer@clawback.example"


@pytest_asyncio.fixture
async def harness(
    topics: Broker,
    database: Database,
    database_url: str,
    kafka_bootstrap: str,
    both_sinks: tuple[MailSink, SmsSink],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[ProcessHarness]:
    """A broker, a database, and the packaged routes with sinks."""
    mail, sms = both_sinks
    with claimed({"worker0": 8104, "worker1": 8114, "api": 8004}, prefer_documented=False) as ports:
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
            "DATABASE_URL": database_url,
            "SMTP_URL": f"smtp://127.0.0.1:{mail.port}",
            "SMS_URL": f"http://127.0.0.1:{sms.port}/sms",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "LOG_LEVEL": "warning",
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        made = ProcessHarness(service=GROUP, broker=topics, db=database, mail=mail, sms=sms, ports=ports)
        try:
            yield made
        finally:
            await made.end()
            await made.wait_for_empty_groups()


def raised(name: str, severity: Severity = Severity.CRITICAL, **labels: str) -> AlertRaised:
    return AlertRaised(
        fingerprint=fingerprint("compliance", name, labels),
        name=name,
        service="compliance",
        severity=severity,
        summary=f"{name} of something: fix it.",
        labels=labels,
        raised_at=datetime.now(UTC),
    )


def message(event: Event, identity: Any = None) -> Message:
    return Message.of(event, identity or uuid4(), at=datetime.now(UTC), traceparent=None)


def completed(noticed: int = 0) -> RunCompleted:
    now = datetime.now(UTC)
    return RunCompleted(
        run_id=uuid4(), started_at=now, ended_at=now, noticed=noticed, closed=noticed, open=0, overdue=0
    )


def mails(sink: MailSink, name: str) -> Callable[[], list[str]]:
    return lambda: [one for one in sink.subjects if name in one]


async def test_an_alert_on_kafka_is_sent_once_by_mail_and_sms_with_repeats_and_several_workers(
    harness: ProcessHarness,
) -> None:
    first = await harness.worker(0)
    async with harness.working(1):
        one = message(raised("TakedownOverdue", holder="search"))
        started = time.monotonic()
        await harness.broker.send("alerts.v1", [one, one])
        await until(
            lambda: len(mails(harness.mail, "TakedownOverdue")()) == 2 and harness.sms.texts,
            what="officer and operators have received it",
        )
        assert time.monotonic() - started < 15
        first.kill()
        await first.wait()
        await harness.broker.send("alerts.v1", [one, message(raised("TakedownOverdue", holder="search"))])
        await harness.broker.send("alerts.v1", [message(raised("LaterOne"))])
        await until(mails(harness.mail, "LaterOne"), deadline_s=60, what="the later alert has arrived")

        async def counted() -> bool:
            count = await harness.db.fetchval("SELECT count FROM alert WHERE name = 'TakedownOverdue'")
            return bool(count == 2)

        await until(counted, deadline_s=60, what="the second event is counted")
    to_officer = [
        m for m in harness.mail.mails if OFFICER in str(m["To"]) and "TakedownOverdue" in str(m["Subject"])
    ]
    assert len(to_officer) == 1
    assert len([text for text in harness.sms.texts if "TakedownOverdue" in text]) == 1


async def test_a_worker_killed_at_any_time_loses_no_alert(harness: ProcessHarness) -> None:
    names = [f"Alert{n:03}x" for n in range(40)]
    worker = await harness.worker()
    sending = asyncio.create_task(harness.broker.send("alerts.v1", [message(raised(name)) for name in names]))
    await until(lambda: harness.sms.texts, what="the first is sent")
    worker.kill()
    await worker.wait()
    await sending
    await harness.db.execute("UPDATE message SET leased_until = NULL WHERE sent_at IS NULL")

    def all_sent() -> bool:
        return {name for name in names if any(name in text for text in harness.sms.texts)} == set(names)

    async with harness.working():
        await until(all_sent, deadline_s=90, what="all are sent")
    ids = [post["id"] for post in harness.sms.posts]
    assert len(ids) - len(set(ids)) <= 1, (
        "only messages that were being sent may be duplicated, with their own ids"
    )
    assert len(set(ids)) == len(names)


async def test_garbage_on_every_topic_is_quarantined_and_reported_and_valid_records_are_processed(
    harness: ProcessHarness,
) -> None:
    canary = b'{"summary": "the text of somebody else"}'
    topics: dict[str, Event] = {"alerts.v1": raised("GoodOne"), "compliance-runs.v1": completed()}
    count = 0
    for topic, event in topics.items():
        raw = Raw.of(message(event))
        bad = [
            raw.replace(value=None),
            raw.replace(value=b"\xff\xfe"),
            raw.replace(value=canary),
            raw.replace(value=b"[" * 100_000),
            raw.replace(headers={"ce_type": b"clawback.alert.raised.v9"}),
            raw.replace(headers={"ce_id": ...}),
            raw.replace(headers={"ce_type": b"\xff"}),
            raw.replace(key=b"another"),
            raw.replace(key=None),
        ]
        count += len(bad)
        await harness.broker.send(topic, [*bad[:4], raw, *bad[4:]])
    sweeps = Raw.of(message(_sweep("alerts")))
    await harness.broker.send("sweeps.v1", [sweeps.replace(value=b"x"), sweeps.replace(key=b"x")])
    count += 2

    async def all_quarantined() -> bool:
        return len(await harness.broker.read("alerting.dlq.v1")) == count

    async with harness.working():
        await until(mails(harness.mail, "GoodOne"), deadline_s=60, what="the good alert is sent")
        await until(
            mails(harness.mail, "ComplianceDailySummary"), deadline_s=60, what="the good run is notified"
        )
        await until(all_quarantined, deadline_s=60, what="each has its dead letter")
    letters = await harness.broker.events("alerting.dlq.v1", DeadLetter)
    assert len({letter.quarantine_id for letter in letters}) == count
    assert {letter.topic for letter in letters} == {"alerts.v1", "compliance-runs.v1", "sweeps.v1"}
    for record in await harness.broker.read("alerting.dlq.v1"):
        assert b"somebody else" not in record.value
    rows = await harness.db.fetch(
        "SELECT labels ->> 'source' AS source FROM alert WHERE name = 'UnreadableAlertRecord'"
    )
    assert {row["source"] for row in rows} >= {"alerts.v1", "compliance-runs.v1"}
    code, output = await harness.job("replay-dlq")
    assert (code, "failed again" in output) == (3, True)


async def test_an_overdue_run_is_notified_while_the_broker_is_down(harness: ProcessHarness) -> None:
    await harness.db.execute(
        "INSERT INTO run_watch (started_at) VALUES (now() - interval '25 hours 1 minute')"
    )
    await harness.start(
        "worker", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1", HTTP_PORT=str(harness.ports["worker0"])
    )
    await until(lambda: harness.sms.texts, deadline_s=60, what="the text message has arrived")
    await until(lambda: len(mails(harness.mail, "ComplianceRunOverdue")()) == 2, what="the mail has arrived")
    assert harness.sms.texts[0].startswith(
        "[CRITICAL] ComplianceRunOverdue: No compliance run has completed since"
    )


async def test_the_golden_messages_are_accepted(harness: ProcessHarness) -> None:
    kinds = (AlertRaised, AlertResolved, RunCompleted, RunFailed, SweepRequested)
    sent = 0
    for kind in kinds:
        records = [Raw(one["value"], one["key"], list(one["headers"])) for one in load(kind).values()]
        await harness.broker.send(kind.TOPIC, records)
        sent += len(records)
    assert sent >= 5
    async with harness.working():
        await harness.broker.send("alerts.v1", [message(raised("LastOne"))])
        await harness.broker.send("compliance-runs.v1", [message(completed(1))])
        await until(mails(harness.mail, "LastOne"), deadline_s=60, what="later records are processed")
        await until(mails(harness.mail, "RevokedArticlesFound"), deadline_s=60, what="and the run")
    assert await harness.broker.read("alerting.dlq.v1") == []


def _sweep(data_class: str, **more: Any) -> SweepRequested:
    fields: dict[str, Any] = {
        "sweep_id": uuid4(),
        "data_class": data_class,
        "action": Action.DELETE,
        "owners": ("alerting",),
        "before": datetime.now(UTC) - timedelta(days=365),
        "requested_at": datetime.now(UTC),
        "requested_by": "test",
    }
    return SweepRequested(**(fields | more))


async def test_a_sweep_is_answered(harness: ProcessHarness) -> None:
    sweeps = [
        _sweep("alerts"),
        _sweep("alerts", dry_run=True),
        _sweep("job_runs"),
        _sweep("alerts", action=Action.ANALYZE),
    ]
    records = [message(one, event_id("sweep", one.sweep_id)) for one in sweeps]
    await harness.broker.send("sweeps.v1", records)

    async def answered() -> list[Any]:
        found = await harness.broker.events("sweep-results.v1", SweepCompleted, SweepFailed)
        return found if len(found) == len(sweeps) else []

    async with harness.working():
        answers = await until(answered, deadline_s=60, what="each is answered")
    assert {type(one) for one in answers} == {SweepCompleted}
    assert {one.sweep_id for one in answers} == {one.sweep_id for one in sweeps}


async def test_the_test_command_reports_who_was_reached(harness: ProcessHarness) -> None:
    async with harness.working():
        code, output = await harness.job("test")
        assert code == 0, output
        assert "mail to compliance-officer: sent" in output
        assert "sms to compliance-officer: sent" in output
        harness.sms.status = 500
        code, output = await harness.job("test", "--wait", "3")
        assert code == 3, output
    assert "sms to compliance-officer: not sent" in output
    assert "@" not in output


async def test_the_test_command_reports_a_missing_worker(harness: ProcessHarness) -> None:
    code, output = await harness.job("test", "--wait", "0.2")
    assert code == 0 or "no worker sent it in time" in output
    assert code == 3


async def test_the_worker_logs_contain_no_recipient_and_no_summary(harness: ProcessHarness) -> None:
    worker = await harness.start(
        "worker", captured=True, LOG_LEVEL="debug", HTTP_PORT=str(harness.ports["worker0"])
    )
    harness.mail.behaviour = "refuses"
    harness.sms.status = 500
    secret = raised("LoudOne").model_copy(update={"summary": "canary of a summary"})
    await harness.broker.send("alerts.v1", [message(secret)])
    reading = asyncio.create_task(worker.communicate())
    await until(lambda: harness.mail.attempts and harness.sms.attempts, deadline_s=60, what="both were tried")
    worker.send_signal(signal.SIGTERM)
    _, err = await asyncio.wait_for(reading, 60)
    assert worker.returncode == 0
    logs = err.decode()
    assert "the channel did not accept a notification" in logs
    for never in ("canary", OFFICER, "operators@", "15550100"):
        assert never not in logs, never


async def test_pending_migrations_are_reported(harness: ProcessHarness, databases: Any) -> None:
    async with databases.fresh([]) as empty:
        code, _ = await harness.job("worker", DATABASE_URL=empty)
        assert code == 2
        code, output = await harness.job("migrate", DATABASE_URL=empty)
        assert (code, "alerting/0001_alerting.pre.sql" in output) == (0, True)
        connection = await asyncpg.connect(empty)
        assert await connection.fetchval("SELECT count(*) FROM alert") == 0
        await connection.close()
    code, output = await harness.job("accept-gap")
    assert (code, "no gap" in output) == (0, True)


async def test_the_api_becomes_ready_and_stops_on_request(harness: ProcessHarness) -> None:
    process = await harness.ready("api", harness.ports["api"])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{harness.ports['api']}") as http:
        assert (await http.get("/api/v1/alerts")).json()["items"] == []
        assert (await http.get("/openapi.json")).status_code == 200
        whole = await http.get("/api/v1/health")
        assert (whole.status_code, whole.json()["status"]) == (503, "unhealthy")
        assert whole.json()["services"]["database"]["status"] == "up"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0
