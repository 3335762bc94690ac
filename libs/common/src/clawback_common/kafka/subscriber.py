"""The one way in which a service subscribes: batches, nothing committed before it is handled, nothing lost.

Around FastStream's batch subscriber, whose defaults lose records: it commits first, drops a batch for one bad
header, and loops a thousand times a second over one that fails. Several subscribers of one group overlap their
batches; each partition keeps its order.
"""

import asyncio
import time
from contextlib import suppress
from itertools import chain
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from clawback_common.errors import Stop
from clawback_common.kafka import offsets
from clawback_common.kafka.handling import Handling
from clawback_common.kafka.stepping import step_over_unreadable
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.retry import Retry
from clawback_common.service.process import ShutdownEvent
from clawback_common.telemetry import counter, histogram

UNTIL_KNOWN = Retry(attempts=1_000_000, first_delay_ms=50, factor=2, delay_ms_max=5_000)
"""Where to start is asked until somebody answers: going on without it would pass over what a restore undid."""
BACK_OFF_S_MAX = 30.0
WAIT_MS = 500
"""A subscriber of a quiet topic looks up so often; what arrives wakes it at once."""

_HANDLED = counter("bus_handled_total", "Records that a subscriber has dealt with.", ("topic",))
_FAILED = counter("bus_failed_batches_total", "Batches that failed and come again.", ("topic",))
_SECONDS = histogram("bus_batch_seconds", "Time to deal with one batch.", ("topic",))
_log = structlog.stdlib.get_logger(__name__)


class Subscriber:
    """One FastStream batch subscriber of one subscription."""

    def __init__(
        self, broker: KafkaBroker, subscription: Subscription, context: BusContext, number: int
    ) -> None:
        self.subscription = subscription
        self._context = context
        self._handling = Handling(subscription, context)
        self.group = self._handling.group
        self._failures = 0
        self.stopping = ShutdownEvent()
        self._careful: Any = None
        self.assigned: frozenset[TopicPartition] | None = None
        self._placed = asyncio.Event()
        self._behind: dict[TopicPartition, int] = {}
        """Where the log ended when we began, for partitions that we have not read so far."""
        self._next: dict[TopicPartition, int] = {}
        """The offset that we read next."""
        settings = context.settings
        self.inner = broker.subscriber(
            subscription.topic,
            group_id=self.group,
            batch=True,
            max_records=subscription.records_max,
            max_partition_fetch_bytes=subscription.fetch_bytes_max,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=settings.kafka_heartbeat_interval_ms,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            parser=self._parse,
            decoder=_raw,
            listener=_Listener(self),
            title=f"{subscription.topic}-{number}",
        )
        self.inner.get_msg = self._take  # type: ignore[method-assign] # as said there
        self.inner(self._handle)

    async def _take(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        """The next records, as soon as there are some; the framework sleeps, deaf, after each empty answer.

        What the framework does not expect ends its loop for ever, so nothing of the kind leaves this.
        """
        try:
            return await self._next_records(consumer)
        except (KafkaError, ConsumerStoppedError):
            raise
        except Exception as error:  # noqa: BLE001 - as said above
            _log.exception("records could not be read", topic=self.subscription.topic, error=error)
            await asyncio.sleep(1.0)
            return ()

    async def _next_records(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        await self._placed.wait()  # the client hands out records before the listener could say where to start
        for place in consumer.assignment() - self._next.keys():
            self._next[place] = await consumer.position(place)
        found = await consumer.getmany(timeout_ms=WAIT_MS, max_records=self.subscription.records_max)
        try:
            for place, records in found.items():
                await self._placed_where_expected(consumer, place, records[0].offset)
        except Exception:  # who gets them never hands them over, so they must be read again
            for place, records in found.items():
                with suppress(IllegalStateError):  # no longer ours
                    consumer.seek(place, records[0].offset)
            raise
        self._next |= {place: records[-1].offset + 1 for place, records in found.items()}
        return tuple(chain.from_iterable(found.values()))

    async def _placed_where_expected(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int
    ) -> None:
        expected = self._next.get(place, offset)
        if offset > expected:
            await self._overtaken(consumer, place)
        elif offset < expected:
            await self._begun_anew(consumer, place, offset)

    async def _overtaken(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        """A hole before what we read: a transaction's marker, or records that were deleted before we came to them.

        The client goes on from the log's start without a word. Nothing is committed behind the hole: the process
        ends, and refuses to start until a person has accepted the gap.
        """
        first = (await consumer.beginning_offsets([place]))[place]
        if first > self._next[place]:
            self._context.refuse(
                Stop(
                    f"Kafka deleted records that {self.group} never processed: "
                    f"{place.topic}-{place.partition} offsets {self._next[place]} to {first - 1}"
                )
            )
            await asyncio.Event().wait()

    async def _begun_anew(self, consumer: AIOKafkaConsumer, place: TopicPartition, first: int) -> None:
        """A batch that comes again, or a log that was wiped: shorter now than what we have read."""
        end = (await consumer.end_offsets([place]))[place]
        if self.subscription.own_offsets and end < self._next[place]:
            await self._go_back({(place.topic, place.partition): first})

    async def _parse(self, records: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaAckableMessage:
        """Tolerant: reads no header, so that no header can fail the batch."""
        first = records[0]
        return KafkaAckableMessage(
            body=b"",
            raw_message=records,
            headers={},
            message_id=f"{first.topic}-{first.partition}-{first.offset}",
            consumer=self.inner.consumer,
        )

    async def _handle(self, records: tuple[ConsumerRecord[Any, Any], ...]) -> None:
        started = time.monotonic()
        topic = self.subscription.topic
        try:
            await self._handling(records)
        except Stop as error:
            self._context.refuse(error)
            raise
        except Exception as error:
            # Raised on, so that the batch comes again; slowly, for what fails at once would fail a thousand times.
            _FAILED.labels(topic).inc()
            self._failures += 1
            _log.exception("batch failed and comes again", topic=topic, failures=self._failures, error=error)
            await asyncio.sleep(min(0.5 * 2**self._failures, BACK_OFF_S_MAX))
            raise
        self._failures = 0
        if self._behind:
            for record in records:
                self._reached(record.topic, record.partition, record.offset + 1)
        _HANDLED.labels(topic).inc(len(records))
        _SECONDS.labels(topic).observe(time.monotonic() - started)

    def be_careful(self) -> None:
        """Once a consumer: a record that cannot even be unpacked does not stop its partition."""
        consumer = self.inner.consumer
        if consumer is not self._careful:
            self._careful = consumer
            step_over_unreadable(consumer, self._unpackable)

    async def _unpackable(self, topic: str, partition: int, offset: int) -> None:
        await self._handling.unpackable(topic, partition, offset)
        self._reached(topic, partition, offset + 1)
        self._next[TopicPartition(topic, partition)] = offset + 1

    async def start_from(self, assigned: set[TopicPartition]) -> None:
        """Starts from the smaller of our own offsets and the group's; where either is unknown, from the log's start.

        A group without offsets has lost them together with the log, or never was: ours may speak of another log.
        """
        self._behind.clear()
        self._next.clear()
        consumer = self.inner.consumer
        if self.subscription.own_offsets and consumer is not None and assigned:
            await self._rewind(consumer, assigned)
        self.assigned = frozenset(assigned)
        self._handling.assigned({place.partition for place in assigned})
        self._placed.set()

    def lost(self) -> None:
        """Its partitions are being assigned again, or it has stopped."""
        self.assigned = None
        self._placed.clear()

    async def _rewind(self, consumer: Any, assigned: set[TopicPartition]) -> None:
        ours = await offsets.stored(self._context.db, self._context.service)
        first = await consumer.beginning_offsets(list(assigned))
        end = await consumer.end_offsets(list(assigned))
        another_log = {}
        for place in assigned:
            stored, committed = (
                ours.get((place.topic, place.partition)),
                await consumer.committed(place),
            )
            known = stored is not None and committed is not None and stored <= end[place]
            start = max(first[place], min(stored, committed)) if known else first[place]
            consumer.seek(place, start)
            if start < end[place] and self.subscription.must_catch_up:
                self._behind[place] = end[place]
            if not known and stored is not None:
                another_log[place.topic, place.partition] = start
        if another_log:
            await self._go_back(another_log)

    async def _go_back(self, to: dict[tuple[str, int], int]) -> None:
        """What the database knows of an earlier log says nothing of this one."""
        async with self._context.db.transaction() as tx:
            await offsets.rewind(tx, self._context.service, to)

    def _reached(self, topic: str, partition: int, offset: int) -> None:
        """Notes that all before this offset is dealt with."""
        place = TopicPartition(topic, partition)
        if offset >= self._behind.get(place, offset + 1):
            del self._behind[place]

    @property
    def caught_up(self) -> bool:
        """Whether what was on the topic at the start is dealt with; only lanes with their own offsets must."""
        waits = self.subscription.own_offsets and self.subscription.must_catch_up
        return not waits or (self.assigned is not None and not self._behind)

    def ready(self, silent_s_max: float = 10.0) -> str | None:
        """None when it is consuming, else why not.

        Where it keeps its own offsets it must have caught up first: a database that was restored knows again what
        it had been told to forget.
        """
        consumer = self.inner.consumer
        if consumer is None or self.assigned is None:
            return f"{self.subscription.topic}: no partitions assigned yet"
        now_ms = time.time() * 1000
        for place in self.assigned:
            asked_ms = consumer.last_poll_timestamp(place) if place in consumer.assignment() else None
            if asked_ms is not None and now_ms - asked_ms > silent_s_max * 1000:
                return f"{place.topic}: the broker has not answered for {silent_s_max:.0f} s"
        if self._behind:
            return f"{self.subscription.topic}: catching up with what was there at the start"
        return None


async def _raw(message: KafkaAckableMessage) -> Any:
    """The handler gets the records as they came."""
    return message.raw_message


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """What was in hand comes again to whoever gets the partition; effects are idempotent."""
        if revoked:
            self._subscriber.lost()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Decides where to start; asked to end meanwhile, it starts nowhere."""
        subscriber = self._subscriber
        subscriber.be_careful()
        failures = 0
        while not subscriber.stopping.is_set():
            try:
                await subscriber.start_from(assigned)
            except Exception as error:  # noqa: BLE001 - the client would go on, and start anywhere
                failures += 1
                _log.info("waiting to know where to start", topic=subscriber.subscription.topic, error=error)
                await subscriber.stopping.sleep(UNTIL_KNOWN.delay_s(failures))
            else:
                return
