"""Subscribers lose no record: commits, poison, redelivery, concurrency, on a real broker."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from clawback_common.errors import Poison, Transient
from clawback_common.kafka import handling, subscriber
from clawback_common.kafka.decode import VALUE_BYTES_MAX
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.messaging import quarantine
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_common.retry import Retry
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_testing.broker import Broker, Raw
from clawback_testing.subscribers import Ping, Recorder, consuming, fails_at, ping
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

SECRET = "the-text-of-somebody-else"


@pytest.fixture(autouse=True)
def _short_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed batch is redelivered within the test's timeout."""
    monkeypatch.setattr(subscriber, "BACK_OFF_S_MAX", 0.05)
    monkeypatch.setattr(handling, "IN_PROCESS", Retry(attempts=40, first_delay_ms=5, delay_ms_max=20))


async def rows(context: BusContext) -> list[Row]:
    return await context.db.fetch("SELECT * FROM quarantine ORDER BY kafka_offset")


async def dead_letters(context: BusContext) -> list[DeadLetter]:
    waiting = await context.db.fetch("SELECT topic, value FROM outbox_priority ORDER BY id")
    assert {row["topic"] for row in waiting} <= {f"{context.service}.dlq.v1"}
    return [DeadLetter.model_validate_json(row["value"]) for row in waiting]


async def test_a_failed_batch_is_redelivered_and_nothing_of_it_is_committed(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n) for n in range(5)])
    gate = asyncio.Event()

    async def fault(_: list[int]) -> None:
        if not gate.is_set():
            raise Transient(SECRET)

    recorder = Recorder(fault)
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: len(recorder.attempts) > 2, what="a redelivery")
        assert (topic, 0) not in await broker.committed(context.service)
        gate.set()
        await until(lambda: recorder.numbers == [0, 1, 2, 3, 4], what="all handled")
        await _committed(broker, context, topic, 5)
    assert await rows(context) == []


async def test_records_that_nothing_waits_for_gather_behind_a_small_batch(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic(partitions=6)
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder, gather_s=2.0)):
        for number in range(6):
            await broker.send(topic, [Raw(*_parts(ping(number)), partition=number)])
            await until(lambda: bool(recorder.attempts), what="the first is handled at once")
        await until(lambda: len(recorder.numbers) == 6, what="all handled")
    assert [len(attempt) for attempt in recorder.attempts] == [1, 5]


async def test_gathering_delays_no_full_batch_and_no_shutdown(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(number) for number in range(5)])
    recorder = Recorder()
    subscription = Subscription(topic, (Ping,), recorder, records_max=2, gather_s=600)
    async with asyncio.timeout(60), consuming(context, subscription):
        await until(lambda: recorder.numbers == [0, 1, 2, 3, 4], what="all handled")


async def test_a_batch_is_handled_while_the_one_before_is_committed(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    gate = asyncio.Event()
    commit = AIOKafkaConsumer.commit

    async def slow(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        await gate.wait()
        await commit(consumer, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", slow)
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await broker.send(topic, [ping(n) for n in range(5)])
        await until(lambda: len(recorder.numbers) == 5, what="the first batch")
        await broker.send(topic, [ping(n) for n in range(5, 10)])
        await until(lambda: len(recorder.numbers) == 10, what="the second batch")
        assert (topic, 0) not in await broker.committed(context.service)
        gate.set()
        await _committed(broker, context, topic, 10)


async def test_a_commit_that_fails_is_made_up_for_by_the_next(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = await broker.new_topic()
    commit, failures = AIOKafkaConsumer.commit, [CommitFailedError()]

    async def fails_once(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        if failures:
            raise failures.pop()
        await commit(consumer, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", fails_once)
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await broker.send(topic, [ping(n) for n in range(5)])
        await until(lambda: recorder.numbers == [0, 1, 2, 3, 4], what="the first batch")
        await broker.send(topic, [ping(5)])
        await _committed(broker, context, topic, 6)
    assert recorder.numbers == [0, 1, 2, 3, 4, 5]


async def test_a_commit_that_never_ends_does_not_delay_the_shutdown(
    broker: Broker, context: BusContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "COMMIT_S_MAX", 0.2)
    topic = await broker.new_topic()

    async def hang(_consumer: AIOKafkaConsumer, _offsets: dict[TopicPartition, int]) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(AIOKafkaConsumer, "commit", hang)
    recorder = Recorder()
    async with asyncio.timeout(20), consuming(context, Subscription(topic, (Ping,), recorder)):
        await broker.send(topic, [ping(n) for n in range(5)])
        await until(lambda: recorder.numbers == [0, 1, 2, 3, 4], what="the batch")


async def _committed(broker: Broker, context: BusContext, topic: str, offset: int) -> None:
    async def there() -> bool:
        return (await broker.committed(context.service)).get((topic, 0)) == offset

    await until(there, what="the commit")


async def test_the_batch_of_a_dead_process_is_redelivered_to_the_next(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n) for n in range(5)])

    async def hang(_: list[int]) -> None:
        await asyncio.sleep(3600)

    first = Recorder(hang)
    async with consuming(context, Subscription(topic, (Ping,), first)) as bus:
        await until(lambda: first.attempts, what="a batch is being handled")
        for one in bus.subscribers:  # as with SIGKILL: no drain
            for task in one.inner.tasks:
                task.cancel()
    second = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), second)):
        await until(lambda: second.numbers == [0, 1, 2, 3, 4], what="all handled by the next")


def _bad_records(topic: str) -> list[tuple[str, Raw]]:
    good = Raw.of(ping(99, words=SECRET, topic=topic))
    return [
        ("null_value", good.replace(value=None)),
        ("value_invalid", good.replace(value=b"{not json " + SECRET.encode())),
        ("value_invalid", good.replace(value=b'{"who": "ann", "number": "' + SECRET.encode() + b'"}')),
        ("value_invalid", good.replace(value=b'"\xff\xfe"')),
        ("value_invalid", good.replace(value=b"[" * 100_000)),
        ("version_unknown", good.replace(headers={"ce_type": b"test.ping.v2"})),
        ("type_unknown", good.replace(headers={"ce_type": b"test.sung.v1"})),
        ("header_missing", good.replace(headers={"ce_type": ...})),
        ("header_missing", good.replace(headers={"ce_id": ...})),
        ("header_missing", good.replace(headers={"ce_id": None})),
        ("header_missing", good.replace(headers={"ce_type": b"\xff\xfe"})),
        (
            "value_too_large",
            good.replace(value=b'{"who": "ann", "words": "' + b"x" * VALUE_BYTES_MAX + b'"}'),
        ),
        ("key_mismatch", good.replace(key=b"bob")),
        ("key_mismatch", good.replace(key=None)),
        ("key_mismatch", good.replace(key=b"\xff\x00")),
    ]


async def test_a_bad_record_among_good_ones_is_quarantined_alone_and_reported_once(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic(config={"max.message.bytes": "4000000"})
    bad = _bad_records(topic)
    sent: list[Any] = [ping(0, topic=topic)]
    for number, (_, raw) in enumerate(bad, 1):
        sent += [raw, ping(number, topic=topic)]
    await broker.send(topic, sent)
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: len(recorder.numbers) == len(bad) + 1, what="the other records are handled")
    assert recorder.numbers == list(range(len(bad) + 1))
    quarantined = await rows(context)
    assert [row["reason"] for row in quarantined] == [reason for reason, _ in bad]
    assert [row["value"] for row in quarantined] == [raw.value for _, raw in bad]
    letters = await dead_letters(context)
    assert sorted(letter.quarantine_id for letter in letters) == sorted(row["id"] for row in quarantined)
    assert {letter.topic for letter in letters} == {topic}


async def test_a_dead_letter_contains_no_content(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic(config={"max.message.bytes": "4000000"})
    bad = _bad_records(topic)
    await broker.send(topic, [*(raw for _, raw in bad), ping(7, who=SECRET, words=SECRET, topic=topic)])
    recorder = Recorder(fails_at(7, Poison("refused_here", "a field")))
    async with consuming(context, Subscription(topic, (Ping,), recorder)):

        async def all_quarantined() -> bool:
            return len(await rows(context)) == len(bad) + 1

        await until(all_quarantined, what="all quarantined")
    assert len(await dead_letters(context)) == len(bad) + 1
    for row in await context.db.fetch("SELECT key, value FROM outbox_priority"):
        assert SECRET.encode() not in row["value"]
    reasons = [row["reason"] + row["detail"] for row in await rows(context)]
    assert not [reason for reason in reasons if SECRET in reason]


async def test_an_unused_header_may_be_anything(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    odd: dict[str, Any] = {"x-null": None, "x-bytes": b"\xff\xfe\x00", "traceparent": b"no trace \xff"}
    await broker.send(topic, [Raw.of(ping(0, topic=topic)).replace(headers=odd), ping(1, topic=topic)])
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: recorder.numbers == [0, 1], what="both handled")


async def test_a_record_that_the_handler_refuses_is_isolated_and_the_others_are_handled(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(50)])
    recorder = Recorder(fails_at(31, Poison("refused_here", "number")))
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: len(recorder.numbers) == 49, what="the other records are handled")
    assert recorder.numbers == [n for n in range(50) if n != 31]
    (row,) = await rows(context)
    assert (row["reason"], row["kafka_offset"], row["subjects"]) == ("refused_here", 31, ["ann"])
    assert len(await dead_letters(context)) == 1


async def test_a_redelivered_batch_reports_its_bad_record_once(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(
        topic, [ping(0, topic=topic), Raw(None, b"ann"), ping(2, topic=topic), ping(3, topic=topic)]
    )
    refused: list[int] = []

    async def fault(numbers: list[int]) -> None:
        if 3 in numbers and numbers != [3]:
            raise Poison("refused_here")
        if numbers == [3]:
            refused.append(3)
            raise Poison("refused_here")
        if len(refused) < 3 and 2 in numbers:
            raise Transient("the whole batch is redelivered")

    recorder = Recorder(fault)
    reported: list[int] = []

    async def on_bad(_: Transaction, bad: Sequence[quarantine.Bad]) -> None:
        reported.extend(one.offset for one in bad)

    async with consuming(context, Subscription(topic, (Ping,), recorder, on_bad=on_bad)):
        await asyncio.sleep(0.5)
        refused += [3, 3, 3]
        await until(lambda: 2 in recorder.numbers, what="the valid records")

        async def both() -> bool:
            return len(await rows(context)) == 2

        await until(both, what="both quarantined")
    assert sorted(letter.offset for letter in await dead_letters(context)) == [1, 3]
    assert sorted(reported) == [1, 3]


async def test_a_short_outage_is_retried_in_place(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(3)])
    recorder = Recorder(fails_at(1, Transient("the database does not respond"), times=5))
    failed = subscriber._FAILED.labels(topic)
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: recorder.numbers == [0, 1, 2], what="all handled")
    assert len(recorder.attempts) == 6
    assert failed._value.get() == 0


async def test_of_several_subscribers_batches_overlap_and_each_partition_keeps_its_order(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic(3)
    running, most = 0, 0

    async def slow(_: list[int]) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.1)
        running -= 1

    recorder = Recorder(slow)
    subscription = Subscription(topic, (Ping,), recorder, parallel=3, records_max=10)
    async with consuming(context, subscription):
        await broker.send(topic, [Raw(*_parts(ping(n)), partition=n % 3) for n in range(90)])
        await until(lambda: len(recorder.numbers) >= 90, what="all handled")
    assert most == 3
    for partition in range(3):
        of_partition = [n for n in recorder.numbers if n % 3 == partition]
        assert of_partition == sorted(of_partition)


def _parts(message: Any) -> tuple[bytes, bytes, Any]:
    return message.value, message.key.encode(), message.headers("test")


async def test_at_shutdown_it_finishes_and_commits_its_batches(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(10)])
    begun = asyncio.Event()

    async def slow(_: list[int]) -> None:
        begun.set()
        await asyncio.sleep(0.5)

    recorder = Recorder(slow)
    async with consuming(context, Subscription(topic, (Ping,), recorder, records_max=5)):
        await begun.wait()
    assert recorder.numbers[:5] == [0, 1, 2, 3, 4]
    committed = (await broker.committed(context.service))[(topic, 0)]
    assert 5 <= committed <= len(recorder.numbers)


async def test_a_lane_is_a_group_of_its_own(broker: Broker, context: BusContext) -> None:
    articles, orders = await broker.new_topic(), await broker.new_topic()
    urgent = Recorder()
    async with consuming(
        context,
        Subscription(articles, (Ping,), Recorder()),
        Subscription(orders, (Ping,), urgent, lane="orders"),
    ):
        await broker.send(orders, [ping(1, topic=orders)])
        await until(lambda: urgent.numbers == [1], what="the order")
    assert list(await broker.committed(f"{context.service}.orders")) == [(orders, 0)]
    assert (orders, 0) not in await broker.committed(context.service)


async def test_a_quarantined_record_names_its_subject_even_without_a_key(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(
        topic, [Raw(b'{"article_id": "up:1", "x": 1}', None), Raw(b"[1]", None), Raw(b"", b"up:2")]
    )

    async def three() -> list[Row]:
        found = await rows(context)
        return found if len(found) == 3 else []

    async with consuming(context, Subscription(topic, (Ping,), Recorder())):
        found = await until(three, what="three quarantined")
    assert [row["subjects"] for row in found] == [["up:1"], [], ["up:2"]]
    assert all(isinstance(row["id"], UUID) for row in found)
