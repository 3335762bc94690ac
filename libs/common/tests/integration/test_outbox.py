"""Both outbox lanes: every committed message is sent, whatever the broker and other processes do."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clawback_common.errors import Poison, Transient
from clawback_common.kafka import producer
from clawback_common.kafka.envelope import Message
from clawback_common.kafka.producer import Producer
from clawback_common.kafka.subscription import BusContext
from clawback_common.messaging.outbox import bulk, priority, relay
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.delays import OutboxDelays
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.messaging.outbox.relay import Lane, Relay, Waiting
from clawback_common.postgres import Database, Querier
from clawback_common.retention import purging
from clawback_common.service.leases import Lease, LeaseLost, held
from clawback_common.service.process import ShutdownEvent
from clawback_testing.broker import Broker
from clawback_testing.clock import FakeClock
from clawback_testing.subscribers import AT, ping
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

Failed = list[tuple[str, str]]


@asynccontextmanager
async def relaying(
    context: BusContext, lane: Lane = priority.LANE, failed: Failed | None = None
) -> AsyncIterator[Relay]:
    """Run a relay; after the block it has sent every row."""

    async def note(name: str, what: str) -> None:
        if failed is not None:
            failed.append((name, what))

    sender = Producer(context.settings, context.service, linger_ms=0)
    one = Relay(lane, context.db, sender, context.clock, note, context.priority)
    stop = ShutdownEvent()
    task = asyncio.create_task(one.run(stop))
    try:
        yield one
    finally:
        stop.set()
        one.wake()
        await asyncio.wait_for(task, 20)
        await sender.close()


async def send_some(one: Relay, db: Database) -> int:
    """Send one batch with a relay that is not running."""
    async with held(db, f"{one._lane.lease} by hand") as lease:
        assert lease is not None
        return await one.send_some(lease)


async def put(db: Database, *messages: Message, again: bool = False) -> None:
    async with db.transaction() as tx:
        await PriorityOutbox().put(tx, messages, again=again)


async def waiting(db: Database, table: str = "outbox_priority") -> int:
    sql = "SELECT count(*) FROM outbox_priority WHERE sent_at IS NULL AND set_aside IS NULL"
    count: int = await db.fetchval(sql.replace("outbox_priority", table))
    return count


async def sent_all(db: Database, table: str = "outbox_priority") -> None:
    async def none() -> bool:
        return await waiting(db, table) == 0

    await until(none, what="everything sent")


async def values(broker: Broker, topic: str) -> list[int]:
    """The numbers on the topic, sorted."""
    return sorted(
        int(record.value.split(b'"number":')[1].split(b",")[0]) for record in await broker.read(topic)
    )


async def test_committed_messages_are_sent_and_rolled_back_ones_are_not(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic(3)
    await put(context.db, ping(1, topic=topic))
    with suppress(ValueError):
        async with context.db.transaction() as tx:
            await context.outbox.put(tx, [ping(2, topic=topic)])
            raise ValueError
    async with relaying(context):
        await sent_all(context.db)
    assert await values(broker, topic) == [1]


async def test_a_sent_row_has_its_position(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic(3)
    await put(context.db, *(ping(n, who=f"w{n}", topic=topic) for n in range(20)))
    async with relaying(context):
        await sent_all(context.db)
    positions = {(r.partition, r.offset): r.key.decode() for r in await broker.read(topic)}
    rows = await context.db.fetch("SELECT key, partition, kafka_offset FROM outbox_priority")
    assert {(row["partition"], row["kafka_offset"]): row["key"] for row in rows} == positions
    assert len(positions) == 20


async def test_a_record_is_a_cloudevent(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    message = replace(ping(1, topic=topic), traceparent=trace)
    await put(context.db, message)
    async with relaying(context):
        await sent_all(context.db)
    (record,) = await broker.read(topic)
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(message.event_id).encode(),
        "ce_source": f"/clawback/{context.service}".encode(),
        "ce_type": b"test.ping.v1",
        "ce_time": AT.isoformat().encode(),
        "ce_subject": b"ann",
        "content-type": b"application/json",
        "traceparent": trace.encode(),
    }


async def test_a_row_committed_late_below_sent_rows_is_not_skipped(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    topic = await broker.new_topic()
    async with context.db.transaction() as slow:
        await PriorityOutbox().put(slow, [ping(0, topic=topic)])  # takes the lowest id, and commits last
        async with relaying(context):
            for n in range(1, 13):
                await put(context.db, ping(n, topic=topic))

            async def all_the_others() -> bool:
                return await values(broker, topic) == list(range(1, 13))

            await until(all_the_others, what="the other messages")
            await asyncio.sleep(0.2)
    async with relaying(context):
        await sent_all(context.db)
    assert await values(broker, topic) == list(range(13))


async def test_a_row_committed_late_is_sent_by_the_relay_that_sent_the_others(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    topic = await broker.new_topic()
    async with relaying(context):
        async with context.db.transaction() as slow:
            await PriorityOutbox().put(slow, [ping(0, topic=topic)])
            await put(context.db, *(ping(n, topic=topic) for n in range(1, 13)))

            async def others_sent() -> bool:
                return await waiting(context.db) == 0

            await until(others_sent, what="the other messages")
        await sent_all(context.db)
    assert await values(broker, topic) == list(range(13))


async def test_a_row_that_is_too_large_is_marked_as_failed_and_reported(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    small = await broker.new_topic(config={"max.message.bytes": "20000"})
    huge = replace(ping(1, topic=topic), value=b"x" * (producer.REQUEST_BYTES_MAX + 1))
    large = replace(ping(2, topic=small), value=os.urandom(60_000))
    await put(context.db, ping(0, topic=topic), huge, large, ping(3, topic=topic), ping(4, topic=small))
    failed: Failed = []
    async with relaying(context, failed=failed):
        await sent_all(context.db)
    assert await values(broker, topic) == [0, 3]
    assert await values(broker, small) == [4]
    assert sorted(lane for lane, _ in failed) == ["priority", "priority"]
    assert all("too_large" in what for _, what in failed)
    rows = await context.db.fetch("SELECT set_aside FROM outbox_priority WHERE set_aside IS NOT NULL")
    assert len(rows) == 2


async def test_a_missing_topic_delays_only_its_own_messages(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "TOPIC_S_MAX", 0.3)
    monkeypatch.setattr(relay, "BATCH", 3)
    topic = await broker.new_topic()
    await put(context.db, *(ping(n, topic="test-nowhere") for n in range(100, 105)))
    async with relaying(context):
        await put(context.db, *(ping(n, topic=topic) for n in range(10)))

        async def others() -> bool:
            return await waiting(context.db) == 5

        await until(others, what="the other messages")
        assert await values(broker, topic) == list(range(10))


async def test_the_same_event_is_sent_once_and_again_only_on_request(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    first, second = ping(1, words="first", topic=topic), ping(1, words="second", topic=topic)
    await put(context.db, first, first)
    await put(context.db, second)
    async with relaying(context):
        await sent_all(context.db)
    async with relaying(context):
        await put(context.db, second)
    assert [b"first" in record.value for record in await broker.read(topic)] == [True]
    async with relaying(context):
        await put(context.db, second, again=True)
        await sent_all(context.db)
    records = await broker.read(topic)
    assert [b"second" in record.value for record in records] == [False, True]
    assert len({dict(record.headers)["ce_id"] for record in records}) == 1


async def test_a_failed_row_stays_failed_when_it_is_queued_again(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    huge = replace(ping(1, topic=topic), value=b"x" * (producer.REQUEST_BYTES_MAX + 1))
    await put(context.db, huge)
    failed: Failed = []
    async with relaying(context, failed=failed):
        await sent_all(context.db)
    async with relaying(context, failed=failed):
        await put(context.db, huge, again=True)
    assert len(failed) == 1


async def test_rows_wait_for_an_unavailable_broker_and_are_sent_later(
    broker: Broker, context: BusContext, unused_tcp_port: int
) -> None:
    topic = await broker.new_topic()
    down = context.settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{unused_tcp_port}"})
    await put(context.db, *(ping(n, topic=topic) for n in range(5)))
    async with relaying(replace(context, settings=down)) as one:
        with pytest.raises(Transient, match="the broker does not respond"):
            await send_some(one, context.db)
        assert await waiting(context.db) == 5
    async with relaying(context):
        await sent_all(context.db)
    assert await values(broker, topic) == list(range(5))


async def test_an_unconfirmed_row_stays_queued(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    sender = Producer(context.settings, context.service, linger_ms=0)
    one = Relay(priority.LANE, context.db, sender, context.clock)
    await put(context.db, ping(1, topic=topic))

    async def never(*_: object, **__: object) -> Any:
        return asyncio.get_running_loop().create_future()

    opened = await sender._open()
    monkeypatch.setattr(opened, "send", never)
    monkeypatch.setattr(producer, "SEND_S_MAX", 0.2)
    with pytest.raises(Transient, match="did not confirm"):
        await send_some(one, context.db)
    assert await waiting(context.db) == 1
    monkeypatch.setattr(producer, "SEND_S_MAX", 20)
    assert sender._producer is None  # a producer that hung is not reused
    await send_some(one, context.db)
    assert await values(broker, topic) == [1]
    await sender.close()


async def test_of_two_relays_one_sends_and_the_other_takes_over(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    senders: list[str] = []
    original = Relay.send_some

    async def lose_lease(self: Relay, lease: Lease) -> int:
        moved = await original(self, lease)
        if moved:
            senders.append(self._producer._source)
        return moved

    monkeypatch.setattr(Relay, "send_some", lose_lease)
    async with relaying(replace(context, service="second")):
        async with relaying(replace(context, service="first")):
            for n in range(10):
                await put(context.db, ping(n, topic=topic))
                await sent_all(context.db)
            assert len(set(senders)) == 1
            (leader,) = set(senders)
            await context.db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
            await put(context.db, ping(10, topic=topic))
            await sent_all(context.db)
        await put(context.db, ping(11, topic=topic))
        await sent_all(context.db)
    assert leader in {"first", "second"}
    assert await values(broker, topic) == list(range(12))


async def test_a_relay_that_lost_its_lease_while_it_sent_marks_nothing(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    await put(context.db, ping(1, topic=topic), ping(2, topic=topic))
    sender = Producer(context.settings, context.service, linger_ms=0)
    send = sender.send

    async def slow(messages: Sequence[Message]) -> Any:
        outcomes = await send(messages)
        await context.db.execute("UPDATE lease SET token = token + 1, holder = gen_random_uuid()")
        return outcomes

    monkeypatch.setattr(sender, "send", slow)
    one = Relay(priority.LANE, context.db, sender, context.clock)
    with pytest.raises(LeaseLost):
        await send_some(one, context.db)
    assert await waiting(context.db) == 2
    await sender.close()


async def test_a_relay_sends_nothing_that_it_rendered_before_it_lost_its_lease(
    broker: Broker, context: BusContext
) -> None:
    shelf = Shelf(await broker.new_topic())
    shelf.words = {"a": 1}
    await put_bulk(context.db, "a")
    sender = Producer(context.settings, context.service, linger_ms=0)

    async def rendered_then_frozen(db: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
        messages = await shelf.render(db, rows)
        lease._ends_at = 0.0
        return messages

    one = Relay(bulk.lane(rendered_then_frozen), context.db, sender, context.clock)
    async with held(context.db, "relay bulk") as held_lease:
        assert held_lease is not None
        lease = held_lease
        with pytest.raises(LeaseLost):
            await one.send_some(lease)
    assert await broker.read(shelf.topic) == []
    await sender.close()


async def test_a_batch_ends_with_the_message_that_reaches_the_byte_limit(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "RESTART_BATCHES", 1_000)
    topic = await broker.new_topic()
    large = [replace(ping(n, topic=topic), value=b"x" * 800_000) for n in range(25)]
    await put(context.db, *large)
    await put(context.db, *(ping(n, topic=topic) for n in range(100, 105)))
    sender = Producer(context.settings, context.service, linger_ms=0)
    one = Relay(priority.LANE, context.db, sender, context.clock)
    counts = [await send_some(one, context.db) for _ in range(4)]
    assert counts == [11, 11, 8, 0]
    assert await waiting(context.db) == 0
    await sender.close()


async def test_a_row_committed_late_waits_for_at_most_ten_batches_of_a_backlog(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 2)
    topic = await broker.new_topic()
    sender = Producer(context.settings, context.service, linger_ms=0)
    one = Relay(priority.LANE, context.db, sender, context.clock)
    async with context.db.transaction() as late:
        await PriorityOutbox().put(late, [ping(0, topic=topic)])
        await put(context.db, *(ping(n, topic=topic) for n in range(1, 61)))
        assert await send_some(one, context.db) == 2
    for _ in range(relay.RESTART_BATCHES):
        assert await send_some(one, context.db) == 2
    assert await waiting(context.db) > 30
    assert 0 in await values(broker, topic)
    await sender.close()


async def test_at_shutdown_it_first_sends_committed_messages(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    async with relaying(context) as one:
        await put(context.db, ping(0, topic=topic))
        await sent_all(context.db)
        await put(context.db, *(ping(n, topic=topic) for n in range(1, 700)))
        assert isinstance(one, Relay)
    assert await waiting(context.db) == 0
    assert len(await broker.read(topic)) == 700


async def test_a_commit_in_the_same_process_wakes_the_relay_at_once(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LOOK_S", 3600)
    monkeypatch.setattr(relay, "LOOK_S_MAX", 3600)
    topic = await broker.new_topic()
    async with relaying(context) as one:
        outbox = PriorityOutbox(one.wake)
        await asyncio.sleep(0.3)
        async with context.db.transaction() as tx:
            await outbox.put(tx, [ping(1, topic=topic)])
        await sent_all(context.db)
    assert await values(broker, topic) == [1]


class Shelf:
    """The articles that references refer to; a missing one is not published."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.words: dict[str, int] = {}
        self.poison: str | None = None

    async def render(self, _: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
        """The messages of a batch."""
        refs = [row["ref"] for row in rows]
        if self.poison in refs:
            raise Poison("cannot_be_said")
        return [
            ping(self.words[ref], who=ref, topic=self.topic) if ref in self.words else None for ref in refs
        ]


async def put_bulk(db: Database, *refs: str) -> None:
    async with db.transaction() as tx:
        await BulkOutbox().put(tx, refs, [1] * len(refs), [None] * len(refs), AT)


async def test_bulk_rows_are_rendered_when_sent_without_withdrawn_content(
    broker: Broker, context: BusContext
) -> None:
    shelf = Shelf(await broker.new_topic())
    await put_bulk(context.db, "a", "b", "c")
    shelf.words = {"a": 1, "c": 3}  # b was withdrawn before it was sent
    async with relaying(context, bulk.lane(shelf.render)):
        await sent_all(context.db, "outbox_bulk")
    assert await values(broker, shelf.topic) == [1, 3]
    rows = await context.db.fetch("SELECT ref, partition, kafka_offset FROM outbox_bulk ORDER BY id")
    assert [(row["ref"], row["partition"]) for row in rows] == [("a", 0), ("b", None), ("c", 0)]


async def test_only_the_reference_that_cannot_be_rendered_is_marked_as_failed(
    broker: Broker, context: BusContext
) -> None:
    shelf = Shelf(await broker.new_topic())
    shelf.words, shelf.poison = {"a": 1, "b": 2, "c": 3}, "b"
    await put_bulk(context.db, "a", "b", "c")
    failed: Failed = []
    async with relaying(context, bulk.lane(shelf.render), failed):
        await sent_all(context.db, "outbox_bulk")
    assert await values(broker, shelf.topic) == [1, 3]
    assert [lane for lane, _ in failed] == ["bulk"]


async def test_a_queued_bulk_lane_does_not_delay_an_order(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    gate = asyncio.Event()

    async def slow(_: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
        await gate.wait()
        return [None] * len(rows)

    await put_bulk(context.db, *(str(n) for n in range(1_000)))
    async with relaying(context), relaying(context, bulk.lane(slow)):
        await put(context.db, ping(1, topic=topic))
        await sent_all(context.db)
        assert await waiting(context.db, "outbox_bulk") == 1_000
        gate.set()


async def test_old_sent_rows_are_deleted_and_unsent_ones_stay(context: BusContext, clock: FakeClock) -> None:
    await put(context.db, *(ping(n) for n in range(3)))
    await context.db.execute("UPDATE outbox_priority SET sent_at = $1 WHERE id = 1", AT)
    await context.db.execute("UPDATE outbox_priority SET sent_at = $1 WHERE id = 2", AT + timedelta(days=29))
    clock.advance(days=30, seconds=1)
    sender = Producer(context.settings, context.service)
    one = Relay(priority.LANE, context.db, sender, clock)
    await purging.purge(context.db, purging.COMMON, clock.now())
    await one.measure()
    assert [row["id"] for row in await context.db.fetch("SELECT id FROM outbox_priority ORDER BY id")] == [
        2,
        3,
    ]
    assert relay._WAITING.labels("priority")._value.get() == 1
    assert relay._AGE.labels("priority")._value.get() == (clock.now() - AT).total_seconds()


async def test_a_delayed_lane_is_reported_hourly_and_resolved(context: BusContext, clock: FakeClock) -> None:
    delays = OutboxDelays("svc", context.db, clock, context.outbox)
    one = Relay(priority.LANE, context.db, Producer(context.settings, context.service), clock)
    await delays.watch(one)
    await put(context.db, replace(ping(1), at=clock.now()))

    async def alerts() -> list[str]:
        rows = await context.db.fetch(
            "SELECT type FROM outbox_priority WHERE topic = 'alerts.v1' ORDER BY id"
        )
        return [row["type"].split(".")[2] for row in rows]

    for minutes, count in ((4, 0), (2, 1), (30, 1), (31, 2)):
        clock.advance(minutes=minutes)
        await asyncio.gather(*(delays.watch(one) for _ in range(3)))
        assert await alerts() == ["raised"] * count
    await context.db.execute("UPDATE outbox_priority SET sent_at = $1", clock.now())
    for _ in range(2):
        await delays.watch(one)
    assert await alerts() == ["raised", "raised", "resolved"]


async def test_sending_the_priority_lane_is_urgent_and_delays_the_bulk_lane(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    events: list[str] = []
    yield_to_urgent = context.priority.yield_to_urgent

    async def record_yield() -> None:
        events.append("the bulk lane yields")
        await yield_to_urgent()

    async def rendered(_: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
        events.append(f"urgent: {context.priority.active}")
        return [ping(1, topic=topic) for _ in rows]

    monkeypatch.setattr(context.priority, "yield_to_urgent", record_yield)
    await put(context.db, ping(1, topic=topic))
    async with relaying(context, replace(priority.LANE, render=rendered)):
        await sent_all(context.db)
    assert events == ["urgent: True"]
    async with relaying(context, bulk.lane(rendered)):
        await until(lambda: "the bulk lane yields" in events, what="the bulk lane yields")
