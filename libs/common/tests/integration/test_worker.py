"""A complete worker: it refuses invalid states, waits for unavailable servers, and loses nothing at shutdown."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from clawback_common.alerts import messages
from clawback_common.alerts.condition import Condition
from clawback_common.errors import Stop, Transient
from clawback_common.kafka import producer
from clawback_common.kafka.envelope import Batch, Message
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.relay import Waiting
from clawback_common.postgres import Database, Querier
from clawback_common.postgres.migrate import Migration
from clawback_common.service.loops import Loop
from clawback_common.service.priority import Priority
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.worker import Worker, WorkerSpec
from clawback_contracts.alert.v1 import AlertRaised, Severity
from clawback_testing.broker import Broker
from clawback_testing.keys import write_api_keys, write_signing_key
from clawback_testing.subscribers import AT, Ping, Recorder, consuming, ping
from clawback_testing.waiting import until
from clawback_testing.workers import objects

pytestmark = pytest.mark.integration


@dataclass(slots=True)
class Running:
    """A running worker."""

    worker: Worker
    stopping: ShutdownEvent = field(default_factory=ShutdownEvent)
    task: Any = None


@asynccontextmanager
async def working(
    context: BusContext,
    spec: WorkerSpec,
    *,
    migrations: Sequence[Migration] = (),
    ready: bool = True,
) -> AsyncIterator[Running]:
    """Run a worker that is ready, and shut it down after the block."""
    settings = context.settings.model_copy(update={"check_topics": False, "drain_timeout_s": 5})
    service = objects(settings, context.db, context.clock, context.outbox)
    worker = Worker(context.service, service, spec, migrations, 0)
    running = Running(worker)
    running.task = asyncio.create_task(worker.run(running.stopping))
    try:
        if ready:
            await until(lambda: _ready(worker) or running.task.done(), what="ready")
        yield running
    finally:
        running.stopping.set()
        await asyncio.wait_for(running.task, 20)


def _ready(worker: Worker) -> bool:
    return "subscriptions" in worker.probes.results and worker.probes.ready


async def test_at_shutdown_it_finishes_its_work_and_sends_its_messages(
    broker: Broker, context: BusContext
) -> None:
    inlet, outlet = await broker.new_topic(), await broker.new_topic()
    begun = asyncio.Event()

    async def handle(batch: Batch[Ping]) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        async with context.db.transaction() as tx:
            await context.outbox.put(tx, [ping(one.value.number, topic=outlet) for one in batch])

    async with working(context, WorkerSpec([Subscription(inlet, (Ping,), handle, records_max=10)])):
        await broker.send(inlet, [ping(n, topic=inlet) for n in range(10)])
        await begun.wait()
    sent = len(await broker.read(outlet))
    assert sent >= 1
    assert (await broker.committed(context.service))[(inlet, 0)] == sent


async def test_a_workers_records_are_signed_and_consumers_know_the_sender(
    broker: Broker, context: BusContext, tmp_path: Path
) -> None:
    signer = write_signing_key(tmp_path / "key.pem")
    keys = write_api_keys(tmp_path / "keys.yaml", {"ann": signer})
    settings = context.settings.model_copy(
        update={"signing_key_file": tmp_path / "key.pem", "api_keys_file": keys}
    )
    topic = await broker.new_topic()
    senders: list[str | None] = []

    async def handle(batch: Batch[Ping]) -> None:
        senders.extend(one.sender.subject if one.sender else None for one in batch)

    async with working(
        replace(context, settings=settings), WorkerSpec([Subscription(topic, (Ping,), handle)])
    ):
        await broker.send(topic, [ping(1, topic=topic)])
        async with context.db.transaction() as tx:
            await context.outbox.put(tx, [ping(2, topic=topic)])
        await until(lambda: len(senders) == 2, what="both are read")
    assert sorted(senders, key=str) == [None, "ann"]


@pytest.mark.parametrize(
    ("update", "error"),
    [
        ({"environment": "production"}, "ENVIRONMENT=production needs SIGNING_KEY_FILE"),
        ({"signing_key_file": Path("/dev/null")}, "SIGNING_KEY_FILE cannot be used"),
        ({"signing_key_file": Path("/nowhere.pem")}, "SIGNING_KEY_FILE cannot be used"),
    ],
)
async def test_a_worker_without_a_signing_key_is_refused(
    context: BusContext, update: dict[str, Any], error: str
) -> None:
    settings = context.settings.model_copy(update=update)
    with pytest.raises(Stop, match=error):
        Worker("svc", objects(settings, context.db, context.clock, context.outbox), WorkerSpec([]), [], 0)


async def test_a_database_with_pending_migrations_is_refused(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    missing = Migration("thing", "0001_x.pre.sql", "pre", "SELECT 1")
    handle = Recorder()
    with pytest.RaisesGroup(pytest.RaisesExc(Stop, match="run the role `migrate` of the service first")):
        async with working(context, WorkerSpec([Subscription(topic, (Ping,), handle)]), migrations=[missing]):
            pass
    assert handle.attempts == []


async def test_a_gap_is_refused(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    await broker.commit(context.service, {(topic, 0): 1})
    await broker.delete_records(topic, up_to=3)
    handler = Recorder()
    with pytest.RaisesGroup(pytest.RaisesExc(Stop, match="never processed")):
        async with working(context, WorkerSpec([Subscription(topic, (Ping,), handler)])):
            pass
    assert handler.attempts == []


async def test_a_gap_is_an_incident_and_an_alert_that_is_sent_before_the_worker_ends(
    broker: Broker, topics: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    await broker.commit(context.service, {(topic, 0): 1})
    await broker.delete_records(topic, up_to=3)
    for _ in range(2):  # a worker that is started again and again opens one incident
        with pytest.RaisesGroup(pytest.RaisesExc(Stop, match="never processed")):
            async with working(context, WorkerSpec([Subscription(topic, (Ping,), Recorder())])):
                pass
    rows = await context.db.fetch("SELECT kind, detail FROM incident")
    assert [row["kind"] for row in rows] == ["consumer_gap"]
    assert f"{topic}-0 offsets 1 to 2" in rows[0]["detail"]
    found = await topics.events("alerts.v1", AlertRaised)
    assert {(one.name, one.severity.value) for one in found} == {("ConsumerGap", "critical")}
    assert len({one.fingerprint for one in found}) == 1


async def test_alerts_that_the_broker_has_lost_are_sent_again(topics: Broker, context: BusContext) -> None:
    topic, lost = await topics.new_topic(), 1_000_000
    alert = messages.raised(context.service, Condition("PipeBursts", Severity.WARNING, "Look."), 1, AT)
    async with context.db.transaction() as tx:
        await context.outbox.put(tx, [alert, ping(1, topic=topic)])
    sent = "UPDATE outbox_priority SET sent_at = $1, partition = 0, kafka_offset = $2"
    await context.db.execute(sent, context.clock.now(), lost)
    async with working(context, WorkerSpec([Subscription(topic, (Ping,), Recorder())])):
        (again,) = await until(lambda: topics.events("alerts.v1", AlertRaised), what="the alert")
    assert again.name == "PipeBursts"
    assert await topics.read(topic) == []


async def test_a_worker_overtaken_by_retention_ends_instead_of_skipping_records(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    go_on = asyncio.Event()

    async def wait(numbers: list[int]) -> None:
        await go_on.wait()
        if numbers == [1]:
            await asyncio.sleep(1)  # meanwhile the client's own position jumps to the start of the log

    handler = Recorder(fault=wait)
    with pytest.RaisesGroup(pytest.RaisesExc(Stop, match=rf"never processed: {topic}-0 offsets 2 to 3$")):
        async with working(context, WorkerSpec([Subscription(topic, (Ping,), handler)])) as running:
            await broker.send(topic, [ping(0, topic=topic)])
            await until(lambda: handler.attempts == [[0]], what="the first is being handled")
            await broker.send(topic, [ping(1, topic=topic)])
            await asyncio.sleep(1)  # the client prefetches one response
            await broker.send(topic, [ping(n, topic=topic) for n in range(2, 6)])
            await broker.delete_records(topic, up_to=4)
            go_on.set()
            await until(running.task.done, what="the end of the worker")
    assert handler.numbers == [0, 1]
    assert (await broker.committed(context.service))[(topic, 0)] == 2


async def test_it_waits_unready_for_an_unavailable_broker(
    broker: Broker, context: BusContext, unused_tcp_port: int
) -> None:
    down = context.settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{unused_tcp_port}"})
    spec = WorkerSpec([Subscription(await broker.new_topic(), (Ping,), Recorder())])
    async with working(replace(context, settings=down), spec, ready=False) as running:
        await asyncio.sleep(1.5)
        assert not running.task.done()
        assert not running.worker.probes.ready


async def test_it_waits_for_an_unavailable_database_and_then_starts(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    responding = False

    async def prepare() -> None:
        if not responding:
            raise Transient("the database does not respond")

    handler = Recorder()
    spec = WorkerSpec([Subscription(topic, (Ping,), handler)], prepare=prepare)
    async with working(context, spec, ready=False) as running:
        await broker.send(topic, [ping(1, topic=topic)])
        await asyncio.sleep(0.5)
        assert (running.worker.probes.ready, handler.attempts) == (False, [])
        responding = True
        await until(lambda: handler.numbers == [1], what="handled")
        await until(lambda: running.worker.probes.ready, what="ready")


async def test_the_bulk_lane_waits_until_it_may_publish_and_orders_do_not(
    broker: Broker, context: BusContext
) -> None:
    topic, other = await broker.new_topic(), await broker.new_topic()
    allowed = False

    async def may_publish() -> bool:
        return allowed

    async def render(_: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
        return [ping(int(row["ref"]), topic=topic) for row in rows]

    bulk = BulkOutbox()
    spec = WorkerSpec([], bulk_outbox=bulk, publish=render, may_publish=may_publish)
    async with working(context, spec, ready=False):
        async with context.db.transaction() as tx:
            await bulk.put(tx, ["1"], [1], [None], AT)
            await context.outbox.put(tx, [ping(2, topic=other)])

        async def order_sent() -> bool:
            return len(await broker.read(other)) == 1

        await until(order_sent, what="the order")
        assert await broker.read(topic) == []
        allowed = True

        async def bulk_sent() -> bool:
            return len(await broker.read(topic)) == 1

        await until(bulk_sent, what="the bulk lane")


async def test_a_row_that_cannot_be_sent_is_reported_to_the_service(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    failed: list[tuple[str, str]] = []

    async def on_set_aside(lane: str, what: str) -> None:
        failed.append((lane, what))

    async with working(context, WorkerSpec([], on_set_aside=on_set_aside), ready=False):
        huge = replace(ping(1, topic=topic), value=b"x" * (producer.REQUEST_BYTES_MAX + 1))
        async with context.db.transaction() as tx:
            await context.outbox.put(tx, [huge])
        await until(lambda: failed, what="the failure is reported")
    assert failed[0][0] == "priority"


async def test_a_failing_loop_continues_and_a_stop_ends_the_worker(context: BusContext) -> None:
    rounds = 0

    async def work() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise RuntimeError("this time")
        if rounds == 3:
            raise Stop("a person must look")

    with pytest.RaisesGroup(pytest.RaisesExc(Stop)):
        async with working(context, WorkerSpec([], [Loop("odd", 0.01, work)]), ready=False) as running:
            await until(running.task.done, what="the end of the worker")
    assert rounds == 3


async def test_of_two_workers_one_leads_and_the_other_takes_over(
    context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawback_common.service.leases.LOOK_S", 0.05)
    turns: list[str] = []

    def spec(name: str) -> WorkerSpec:
        async def work() -> None:
            turns.append(name)

        return WorkerSpec([], [Loop("alone", 0.02, work, alone=True)])

    async with working(context, spec("second")):
        await until(lambda: len(turns) > 3, what="the first leader")
        async with working(context, spec("first")):
            await asyncio.sleep(0.5)
            assert set(turns) == {"second"}
    turns.clear()
    async with working(context, spec("third")):
        await until(lambda: len(turns) > 3, what="the next leader")
    assert set(turns) == {"third"}


async def test_a_former_leader_does_not_run_the_leaders_loops(
    context: BusContext, database: Database
) -> None:
    await database.execute("CREATE TABLE done (at timestamptz)")
    tries = 0

    async def work() -> None:
        nonlocal tries
        tries += 1
        await database.execute(
            "UPDATE lease SET token = token + 1, holder = gen_random_uuid(), until = 'infinity'"
        )
        await database.execute("INSERT INTO done VALUES (now())")

    async with working(context, WorkerSpec([], [Loop("alone", 0.02, work, alone=True)])):
        await until(lambda: tries > 0, what="an attempt")
        await asyncio.sleep(0.2)
    assert tries == 1
    assert await database.fetchval("SELECT count(*) FROM done") == 0


async def test_a_relay_that_hangs_does_not_keep_the_process_from_ending(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    sending = asyncio.Event()

    async def never(*_: object) -> Any:
        sending.set()
        await asyncio.sleep(3600)

    monkeypatch.setattr(producer.Producer, "send", never)
    async with working(context, WorkerSpec([]), ready=False):
        async with context.db.transaction() as tx:
            await context.outbox.put(tx, [ping(1, topic=topic)])
        await sending.wait()
    assert await context.db.fetchval("SELECT count(*) FROM outbox_priority WHERE sent_at IS NULL") == 1


async def test_a_database_outage_loses_no_record(
    broker: Broker, context: BusContext, database_url: str
) -> None:
    topic = await broker.new_topic()
    await context.db.execute("CREATE TABLE effect (number int PRIMARY KEY)")

    async def handle(batch: Batch[Ping]) -> None:
        async with context.db.transaction() as tx:
            for one in batch:
                await tx.execute("INSERT INTO effect VALUES ($1)", one.value.number)

    name = database_url.rpartition("/")[2]
    admin = database_url.rpartition("/")[0] + "/postgres"
    async with (
        Database.connect(admin, name="admin") as server,
        consuming(context, Subscription(topic, (Ping,), handle)),
    ):
        await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        await broker.send(topic, [ping(n, topic=topic) for n in range(20)])
        await asyncio.sleep(1)
        assert (topic, 0) not in await broker.committed(context.service)
        await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

        async def all_there() -> bool:
            return bool(await context.db.fetchval("SELECT count(*) = 20 FROM effect"))

        await until(all_there, what="all effects")


async def test_all_lanes_of_a_worker_share_one_priority(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, list[Priority]] = {"urgent": [], "yield_to_urgent": []}
    urgent, yield_to_urgent = Priority.urgent, Priority.yield_to_urgent

    def record_urgent(lanes: Priority) -> AbstractContextManager[None]:
        calls["urgent"].append(lanes)
        return urgent(lanes)

    async def record_yield(lanes: Priority) -> None:
        calls["yield_to_urgent"].append(lanes)
        await yield_to_urgent(lanes)

    async def nothing_forbidden(_: Querier, __: Sequence[str]) -> set[str]:
        return set()

    async def nothing(_: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
        return [None for _ in rows]

    monkeypatch.setattr(Priority, "urgent", record_urgent)
    monkeypatch.setattr(Priority, "yield_to_urgent", record_yield)
    orders, articles, outlet = [await broker.new_topic() for _ in range(3)]
    handler, content = Recorder(), Recorder()
    spec = WorkerSpec(
        [
            Subscription(orders, (Ping,), handler),
            Subscription(articles, (Ping,), content, forbidden=nothing_forbidden),
        ],
        publish=nothing,
    )
    async with context.db.transaction() as tx:
        await context.outbox.put(tx, [ping(1, topic=outlet)])
    async with working(context, spec) as running:
        await broker.send(orders, [ping(2, topic=orders)])
        await broker.send(articles, [ping(3, topic=articles)])
        await until(lambda: handler.numbers and content.numbers, what="both are handled")

        async def sent() -> bool:
            return len(await broker.read(outlet)) == 1

        await until(sent, what="the outbox is sent")
        lanes = running.worker._priority
    assert len(calls["urgent"]) >= 2, "the lane of orders, and the relay of the priority lane"
    assert len(calls["yield_to_urgent"]) >= 2, "the lane of articles, and the relay of the bulk lane"
    assert {id(one) for found in calls.values() for one in found} == {id(lanes)}
