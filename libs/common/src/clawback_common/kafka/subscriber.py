"""The subscriber of every service: batches, commits after processing, no record lost.

It wraps FastStream's batch subscriber, whose defaults lose records: it commits first, drops a batch because of one
invalid header, and retries a failing batch a thousand times a second. Several subscribers of one group process batches
concurrently; each partition keeps its order.
"""

import asyncio
import time
from collections.abc import Sequence
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
from clawback_common.kafka.subscription import BusContext, Subscription
from clawback_common.kafka.undecodable import skip_undecodable
from clawback_common.retry import Retry
from clawback_common.service.process import ShutdownEvent
from clawback_common.telemetry import counter, histogram

UNTIL_KNOWN = Retry(attempts=1_000_000, first_delay_ms=50, factor=2, delay_ms_max=5_000)
"""The start position is requested until it is known. Without it, records that a restore undid would be skipped."""
BACK_OFF_S_MAX = 30.0
COMMIT_S_MAX = 5.0
"""How long a consumer that stops, or loses its partitions, waits for its last commit."""
WAIT_MS = 500
"""Poll timeout on an idle topic; new records end the wait immediately."""

_HANDLED = counter("bus_handled_total", "Records that a subscriber has handled or quarantined.", ("topic",))
_FAILED = counter("bus_failed_batches_total", "Batches that failed and are redelivered.", ("topic",))
_SECONDS = histogram("bus_batch_seconds", "Time to process one batch.", ("topic",))
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
        self._tolerant: Any = None
        self.assigned: frozenset[TopicPartition] | None = None
        self._positioned = asyncio.Event()
        self._committing: asyncio.Future[None] | None = None
        self._draining = False
        self._gathering = False
        """The last batch was not full."""
        self._behind: dict[TopicPartition, int] = {}
        """The log end at assignment, for partitions that have not been read up to it yet."""
        self._next: dict[TopicPartition, int] = {}
        """The next offset to read."""
        settings = context.settings
        self.inner = broker.subscriber(
            subscription.topic,
            group_id=self.group,
            batch=True,
            max_records=subscription.records_max,
            max_partition_fetch_bytes=subscription.fetch_bytes_max,
            fetch_max_bytes=subscription.response_bytes_max,
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
        self.inner.get_msg = self._poll  # type: ignore[method-assign] # see _poll
        self.inner(self._handle)

    async def _poll(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        """Return the next records as soon as there are some; the framework would sleep after each empty poll.

        An unexpected exception would end the framework's loop for ever, so none leaves this method.
        """
        try:
            return await self._next_records(consumer)
        except (KafkaError, ConsumerStoppedError):
            raise
        except Exception as error:  # noqa: BLE001 - see above
            _log.exception("records could not be read", topic=self.subscription.topic, error=error)
            await asyncio.sleep(1.0)
            return ()

    async def _next_records(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        await (
            self._positioned.wait()
        )  # the client may return records before the listener has set the start position
        for place in consumer.assignment() - self._next.keys():
            self._next[place] = await consumer.position(place)
        if self._gathering and not self._behind:
            await self.stopping.sleep(self.subscription.gather_s)
        self._gathering = False
        found = await consumer.getmany(timeout_ms=WAIT_MS, max_records=self.subscription.records_max)
        try:
            for place, records in found.items():
                await self._check_position(consumer, place, records[0].offset)
        except Exception:  # the records are not returned, so they must be read again
            for place, records in found.items():
                with suppress(IllegalStateError):  # no longer assigned
                    consumer.seek(place, records[0].offset)
            raise
        self._next |= {place: records[-1].offset + 1 for place, records in found.items()}
        return tuple(chain.from_iterable(found.values()))

    async def _check_position(self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
        expected = self._next.get(place, offset)
        if offset > expected:
            await self._on_gap(consumer, place)
        elif offset < expected:
            await self._on_smaller_offset(consumer, place, offset)

    async def _on_gap(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        """Handle a jump in the offsets: a transaction marker, or records that Kafka deleted before they were read.

        The client silently continues from the log start. Nothing is committed after the gap: the process ends, and
        refuses to start until a person has accepted the gap.
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

    async def _on_smaller_offset(self, consumer: AIOKafkaConsumer, place: TopicPartition, first: int) -> None:
        """Handle a smaller offset: a redelivered batch, or a log that was deleted and is shorter now."""
        end = (await consumer.end_offsets([place]))[place]
        if self.subscription.own_offsets and end < self._next[place]:
            await self._reset_offsets({(place.topic, place.partition): first})

    async def _parse(self, records: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaAckableMessage:
        """Wrap the records without reading a header, so that no header can fail the batch."""
        first = records[0]
        return KafkaAckableMessage(
            body=b"",
            raw_message=records,
            headers={},
            message_id=f"{first.topic}-{first.partition}-{first.offset}",
            consumer=_Acknowledgement(self, records),
        )

    async def commit(self, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        """Commit these records while the next ones are fetched; wait only for the previous commit.

        Their offsets, not the client's positions: the client jumps over records that Kafka has deleted meanwhile. A
        commit that is not done when the process ends means that its records are redelivered.
        """
        await self.committed()
        consumer: Any = self.inner.consumer
        ends = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in records}
        mine = {place: end for place, end in ends.items() if place in consumer.assignment()}
        if mine:
            self._committing = asyncio.ensure_future(consumer.commit(mine))
        if self._draining:
            await self.committed(COMMIT_S_MAX)

    async def drain(self) -> None:
        """Wait for the last commit, and for each further one at once, because the consumer stops."""
        self._draining = True
        await self.committed(COMMIT_S_MAX)

    async def committed(self, s_max: float | None = None) -> None:
        """Wait for the last commit, at most this many seconds: without a broker the client tries for ever.

        If it fails, such as in a rebalance, a later commit includes its records, or they are redelivered.
        """
        committing, self._committing = self._committing, None
        if committing is not None:
            try:
                await asyncio.wait_for(committing, s_max)
            except (KafkaError, TimeoutError) as error:
                _log.warning("offsets were not committed", topic=self.subscription.topic, error=error)

    async def _handle(self, records: tuple[ConsumerRecord[Any, Any], ...]) -> None:
        started = time.monotonic()
        topic = self.subscription.topic
        try:
            await self._handling(records)
        except Stop as error:
            self._context.refuse(error)
            raise
        except Exception as error:
            # Raised again, so that the batch is redelivered. The pause keeps it from failing a thousand times a second.
            _FAILED.labels(topic).inc()
            self._failures += 1
            _log.exception(
                "batch failed and is redelivered", topic=topic, failures=self._failures, error=error
            )
            await asyncio.sleep(min(0.5 * 2**self._failures, BACK_OFF_S_MAX))
            raise
        self._failures = 0
        small = len(records) < self.subscription.records_max
        self._gathering = small and self.subscription.gather_s > 0
        if self._behind:
            for record in records:
                self._reached(record.topic, record.partition, record.offset + 1)
        _HANDLED.labels(topic).inc(len(records))
        _SECONDS.labels(topic).observe(time.monotonic() - started)

    def tolerate_undecodable(self) -> None:
        """Make the consumer skip undecodable records, so that one cannot stop its partition. Once per consumer."""
        consumer = self.inner.consumer
        if consumer is not self._tolerant:
            self._tolerant = consumer
            skip_undecodable(consumer, self._on_undecodable)

    async def _on_undecodable(self, topic: str, partition: int, offset: int) -> None:
        await self._handling.quarantine_undecodable(topic, partition, offset)
        self._reached(topic, partition, offset + 1)
        self._next[TopicPartition(topic, partition)] = offset + 1

    async def start_from(self, assigned: set[TopicPartition]) -> None:
        """Start from the smaller of our own offset and the group's; where either is unknown, from the log start.

        A group without offsets has lost them together with the log, or never existed; then our own offset may belong to
        another log.
        """
        self._behind.clear()
        self._next.clear()
        consumer = self.inner.consumer
        if self.subscription.own_offsets and consumer is not None and assigned:
            await self._rewind(consumer, assigned)
        self._draining = False
        self.assigned = frozenset(assigned)
        self._handling.assigned({place.partition for place in assigned})
        self._positioned.set()

    def on_revoked(self) -> None:
        """Reset the position, because the partitions are being reassigned or the consumer has stopped."""
        self.assigned = None
        self._positioned.clear()

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
            await self._reset_offsets(another_log)

    async def _reset_offsets(self, to: dict[tuple[str, int], int]) -> None:
        """Replace the stored offsets of an earlier log, which do not apply to this one."""
        async with self._context.db.transaction() as tx:
            await offsets.rewind(tx, self._context.service, to)

    def _reached(self, topic: str, partition: int, offset: int) -> None:
        """Record that everything before this offset is processed."""
        place = TopicPartition(topic, partition)
        if offset >= self._behind.get(place, offset + 1):
            del self._behind[place]

    @property
    def caught_up(self) -> bool:
        """Whether the records from before the start are processed; applies only to lanes with their own offsets."""
        waits = self.subscription.own_offsets and self.subscription.must_catch_up
        return not waits or (self.assigned is not None and not self._behind)

    def ready(self, silent_s_max: float = 10.0) -> str | None:
        """Return None when it is consuming, else the reason.

        A lane with its own offsets must have caught up first: a restored database contains content that was deleted
        after the backup.
        """
        consumer = self.inner.consumer
        if consumer is None or self.assigned is None:
            return f"{self.subscription.topic}: no partitions assigned yet"
        now_ms = time.time() * 1000
        for place in self.assigned:
            asked_ms = consumer.last_poll_timestamp(place) if place in consumer.assignment() else None
            if asked_ms is not None and now_ms - asked_ms > silent_s_max * 1000:
                return f"{place.topic}: the broker has not responded for {silent_s_max:.0f} s"
        if self._behind:
            return f"{self.subscription.topic}: catching up with records from before the start"
        return None


class _Acknowledgement:
    """The part of a consumer that FastStream's message calls when its batch has succeeded or failed."""

    def __init__(self, subscriber: Subscriber, records: Sequence[ConsumerRecord[Any, Any]]) -> None:
        self._subscriber = subscriber
        self._records = records

    async def commit(self) -> None:
        """The batch has succeeded."""
        await self._subscriber.commit(self._records)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """The batch has failed: read a partition from this offset again."""
        consumer: Any = self._subscriber.inner.consumer
        consumer.seek(partition, offset)


async def _raw(message: KafkaAckableMessage) -> Any:
    """Return the records unchanged for the handler."""
    return message.raw_message


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Records in processing are redelivered to the new owner of the partition; effects are idempotent."""
        if revoked:
            await self._subscriber.committed(COMMIT_S_MAX)
            self._subscriber.on_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Set the start position; during a shutdown, set none."""
        subscriber = self._subscriber
        subscriber.tolerate_undecodable()
        failures = 0
        while not subscriber.stopping.is_set():
            try:
                await subscriber.start_from(assigned)
            except Exception as error:  # noqa: BLE001 - the client would continue, with an arbitrary start position
                failures += 1
                _log.info("waiting for the start position", topic=subscriber.subscription.topic, error=error)
                await subscriber.stopping.sleep(UNTIL_KNOWN.delay_s(failures))
            else:
                return
