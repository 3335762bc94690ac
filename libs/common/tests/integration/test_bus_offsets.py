"""The start position of a lane with its offsets in the database, and the gaps it refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from clawback_common.errors import Stop, Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.bus import refuse_commit_first
from clawback_common.kafka.envelope import Batch
from clawback_common.kafka.gaps import accept_gaps, require_no_gap
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_testing.broker import Broker
from clawback_testing.subscribers import Ping, Recorder, consuming, ping
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration


@asynccontextmanager
async def lane(context: BusContext, topic: str) -> AsyncIterator[Recorder]:
    """A subscriber that stores its offsets in the transaction of its effect."""
    recorder = Recorder()

    async def handle(batch: Batch[Ping]) -> None:
        async with context.db.transaction() as tx:
            await offsets.keep(tx, context.service, batch)
        await recorder(batch)

    async with consuming(context, Subscription(topic, (Ping,), handle, lane="orders", own_offsets=True)):
        yield recorder


async def consume(context: BusContext, topic: str, expected: list[int]) -> None:
    """Consume until these were handled, and commit them."""
    async with lane(context, topic) as recorder:
        await until(lambda: recorder.numbers == expected, what=f"{expected}")
        if expected:
            await until(lambda: _all_committed(context, topic), what="committed")


async def _all_committed(context: BusContext, topic: str) -> bool:
    """A process that ends right after the handler may not have committed, and then the batch is redelivered."""
    place, bootstrap = TopicPartition(topic, 0), context.settings.kafka_bootstrap_servers
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        end = (await consumer.end_offsets([place]))[place]
    committed = await Broker(bootstrap).committed(f"{context.service}.orders")
    return bool(committed.get((topic, 0)) == end)


async def test_it_continues_at_its_position(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(3)])
    await consume(context, topic, [0, 1, 2])
    await broker.send(topic, [ping(3, topic=topic)])
    await consume(context, topic, [3])


async def test_a_restored_database_receives_lost_records_again(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    await consume(context, topic, [0, 1, 2, 3, 4])
    await context.db.execute("UPDATE consumer_offset SET next_offset = 2")
    await consume(context, topic, [2, 3, 4])


async def test_it_is_not_ready_before_it_has_caught_up_with_lost_records(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    await consume(context, topic, [0, 1, 2, 3, 4])
    await context.db.execute("UPDATE consumer_offset SET next_offset = 2")
    resume = asyncio.Event()

    async def handle(_: Batch[Ping]) -> None:
        await resume.wait()

    subscription = Subscription(topic, (Ping,), handle, lane="orders", own_offsets=True)
    async with consuming(context, subscription) as bus:
        with pytest.raises(Transient, match="catching up"):
            await bus.ready()
        resume.set()
        await until(lambda: bus.subscribers[0].ready() is None, what="ready")


async def test_a_database_restored_from_before_its_first_record_receives_all_again(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(3)])
    await consume(context, topic, [0, 1, 2])
    await context.db.execute("DELETE FROM consumer_offset")
    await consume(context, topic, [0, 1, 2])


async def test_a_group_behind_the_database_decides_the_start(broker: Broker, context: BusContext) -> None:
    topic = await broker.new_topic()
    await broker.send(topic, [ping(n, topic=topic) for n in range(3)])
    await consume(context, topic, [0, 1, 2])
    await context.db.execute("UPDATE consumer_offset SET next_offset = 3")
    await broker.commit(f"{context.service}.orders", {(topic, 0): 1})
    await consume(context, topic, [1, 2])


@pytest.mark.parametrize("sent_since", [2, 4, 9])
async def test_after_a_log_was_deleted_nothing_of_the_new_one_is_skipped(
    broker: Broker, context: BusContext, sent_since: int
) -> None:
    # One topic is the old log, the other the new one, of which the group has no offsets.
    old, topic = await broker.new_topic(), await broker.new_topic()
    await broker.send(old, [ping(n, topic=topic) for n in range(4)])
    await consume(context, old, [0, 1, 2, 3])
    await context.db.execute(
        "UPDATE consumer_offset SET topic = $1", topic
    )  # as if the new log had replaced the old one
    await broker.send(topic, [ping(n, topic=topic) for n in range(100, 100 + sent_since)])
    await consume(context, topic, list(range(100, 100 + sent_since)))


async def test_deleted_unprocessed_records_stop_the_start_until_the_gap_is_accepted(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    groups = {topic: context.service}
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    await require_no_gap(context.settings, context.service, groups)
    await broker.commit(context.service, {(topic, 0): 1})
    await require_no_gap(context.settings, context.service, groups)
    await broker.delete_records(topic, up_to=3)
    with pytest.raises(Stop, match=rf"{topic}-0 offsets 1 to 2.*accept-gap"):
        await require_no_gap(context.settings, context.service, groups)
    assert await accept_gaps(context.settings, groups, context.db, context.service) == [
        f"{topic}-0 from offset 3"
    ]
    await require_no_gap(context.settings, context.service, groups)
    assert await accept_gaps(context.settings, groups, context.db, context.service) == []
    recorder = Recorder()
    async with consuming(context, Subscription(topic, (Ping,), recorder)):
        await until(lambda: recorder.numbers == [3, 4], what="the remaining records")


async def test_a_gap_is_found_when_the_broker_has_deleted_the_groups_offsets(
    broker: Broker, context: BusContext
) -> None:
    topic = await broker.new_topic()
    groups = {topic: context.service}
    await broker.send(topic, [ping(n, topic=topic) for n in range(5)])
    async with context.db.transaction() as tx:
        await offsets.move(tx, context.service, {(topic, 0): 1})
    await broker.delete_records(topic, up_to=3)
    stored = await offsets.stored(context.db, context.service)
    with pytest.raises(Stop, match=rf"{topic}-0 offsets 1 to 2"):
        await require_no_gap(context.settings, context.service, groups, stored)
    await accept_gaps(context.settings, groups, context.db, context.service)
    stored = await offsets.stored(context.db, context.service)
    assert stored[topic, 0] == 3
    await require_no_gap(context.settings, context.service, groups, stored)


async def test_an_unavailable_broker_is_not_a_gap(context: BusContext, unused_tcp_port: int) -> None:
    down = context.settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{unused_tcp_port}"})
    with pytest.raises(Transient, match="the broker does not respond"):
        await require_no_gap(down, context.service, {"t": context.service})


@pytest.mark.filterwarnings("ignore:AckPolicy.REJECT_ON_ERROR")
@pytest.mark.parametrize("policy", [AckPolicy.ACK_FIRST, AckPolicy.ACK, AckPolicy.REJECT_ON_ERROR])
async def test_a_subscriber_that_would_commit_before_processing_is_refused(policy: AckPolicy) -> None:
    broker = KafkaBroker()
    broker.subscriber("things", group_id="g", ack_policy=policy)
    with pytest.raises(Stop, match="things would commit before processing"):
        refuse_commit_first(broker)


async def test_the_frameworks_default_is_refused_too() -> None:
    broker = KafkaBroker()
    broker.subscriber("things", group_id="g")
    with pytest.raises(Stop, match="things would commit before processing"):
        refuse_commit_first(broker)
