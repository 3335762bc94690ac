"""The one way in which a service subscribes: batches, nothing committed before it is handled, nothing lost.

Around FastStream's batch subscriber, whose defaults lose records: it commits first, drops a batch for one bad
header, and loops a thousand times a second over one that fails. Several subscribers of one group overlap their
batches; each partition keeps its order.
"""

import asyncio
import time
from collections.abc import Sequence
from itertools import chain
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from clawback_common import quarantine
from clawback_common.bus import offsets
from clawback_common.bus.decode import Decoder
from clawback_common.bus.envelope import Batch, headers_of
from clawback_common.bus.stepping import step_over_unreadable
from clawback_common.bus.subscription import BusContext, Subscription, group_of
from clawback_common.errors import Poison, Stop, Transient
from clawback_common.quarantine import Bad
from clawback_common.retry import Retry, retrying
from clawback_common.telemetry import counter, histogram
from clawback_common.telemetry.tracing import process_span

IN_PROCESS = Retry(attempts=40, first_delay_ms=50, factor=2, delay_ms_max=5_000)
"""About three minutes: longer than a database needs to come back, shorter than ``max.poll.interval``."""
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
        self._decoder = Decoder(
            context.service, subscription.events, subscription.value_bytes_max, context.authentication
        )
        self.group = group_of(context.service, subscription)
        self._failures = 0
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
        """The next records, as soon as there are some; the framework sleeps, deaf, after each empty answer."""
        await self._placed.wait()  # the client hands out records before the listener could say where to start
        for place in consumer.assignment() - self._next.keys():
            self._next[place] = await consumer.position(place)
        found = await consumer.getmany(timeout_ms=WAIT_MS, max_records=self.subscription.records_max)
        for place, records in found.items():
            if records[0].offset > self._next.get(place, records[0].offset):
                await self._overtaken(consumer, place)
            self._next[place] = records[-1].offset + 1
        return tuple(chain.from_iterable(found.values()))

    async def _overtaken(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        """A hole before what we read: a transaction's marker, or records that were deleted before we came to them.

        The client goes on from the log's start without a word. Nothing is committed behind the hole: the process
        ends, and refuses to start until a person has accepted the gap.
        """
        first = (await consumer.beginning_offsets([place]))[place]
        if first > self._next[place]:
            self._context.refuse(
                Stop(
                    f"records are gone that {self.group} never handled: "
                    f"{place.topic}-{place.partition} offsets {self._next[place]} to {first - 1}"
                )
            )
            await asyncio.Event().wait()

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
            good, bad = self._decoder.decode(records)
            if bad:
                await retrying(IN_PROCESS, lambda: self._set_aside(bad))
            if good:
                with process_span(topic, self.group, [one.traceparent for one in good]):
                    await self._apply(good)
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

    async def _apply(self, batch: Batch[Any]) -> None:
        """Hands the batch over; a poisoned one is halved until the record stands alone."""
        try:
            await retrying(IN_PROCESS, lambda: self.subscription.handler(batch))
        except Poison as error:
            if len(batch) == 1:
                await self._set_aside_good(batch, error)
                return
            middle = len(batch) // 2
            await self._apply(batch[:middle])
            await self._apply(batch[middle:])

    async def _set_aside_good(self, batch: Batch[Any], error: Poison) -> None:
        one = batch[0]
        bad = Bad(
            error,
            source=self._context.service,
            topic=one.topic,
            partition=one.partition,
            offset=one.offset,
            event_id=one.event_id,
            subject=one.value.key,
            type=one.value.TYPE,
            key=one.value.key.encode(),
            value=one.signed.value if one.signed else one.value.model_dump_json(exclude_none=True).encode(),
            headers=headers_of(one),
        )
        await retrying(IN_PROCESS, lambda: self._set_aside([bad]))

    async def _set_aside(self, bad: Sequence[Bad]) -> None:
        async with self._context.db.transaction() as tx:
            new = set(await quarantine.put(tx, self._context.outbox, bad, self._context.clock.now()))
            if self.subscription.on_bad:
                await self.subscription.on_bad(tx, [one for one in bad if one.id in new])

    def be_careful(self) -> None:
        """Once a consumer: a record that cannot even be unpacked does not stop its partition."""
        consumer = self.inner.consumer
        if consumer is not self._careful:
            self._careful = consumer
            step_over_unreadable(consumer, self._unpackable)

    async def _unpackable(self, topic: str, partition: int, offset: int) -> None:
        error = Poison(
            "record_unreadable", "the record cannot be unpacked; its bytes stay on the topic alone"
        )
        bad = Bad(error, source=self._context.service, topic=topic, partition=partition, offset=offset)
        await retrying(IN_PROCESS, lambda: self._set_aside([bad]))
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
        self._placed.set()

    def lost(self) -> None:
        """Its partitions are being dealt out anew."""
        self.assigned = None
        self._placed.clear()

    async def _rewind(self, consumer: Any, assigned: set[TopicPartition]) -> None:
        ours = await offsets.stored(self._context.db, self._context.service)
        first = await consumer.beginning_offsets(list(assigned))
        end = await consumer.end_offsets(list(assigned))
        for place in assigned:
            stored, committed = (
                ours.get((place.topic, place.partition)),
                await consumer.committed(place),
            )
            known = stored is not None and committed is not None and stored <= end[place]
            start = max(first[place], min(stored, committed)) if known else first[place]
            consumer.seek(place, start)
            if start < end[place]:
                self._behind[place] = end[place]

    def _reached(self, topic: str, partition: int, offset: int) -> None:
        """Notes that all before this offset is dealt with."""
        place = TopicPartition(topic, partition)
        if offset >= self._behind.get(place, offset + 1):
            del self._behind[place]

    @property
    def caught_up(self) -> bool:
        """Whether what was on the topic at the start is dealt with; only lanes with their own offsets must."""
        return not self.subscription.own_offsets or (self.assigned is not None and not self._behind)

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
        """Decides where to start."""
        self._subscriber.be_careful()
        await retrying(
            UNTIL_KNOWN, lambda: self._subscriber.start_from(assigned), on=(Transient, KafkaError, OSError)
        )
