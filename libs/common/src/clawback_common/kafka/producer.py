"""A producer that returns for each message its position, or the reason why it was not sent."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Poison, Transient
from clawback_common.kafka.connection import connection
from clawback_common.kafka.envelope import Message
from clawback_contracts.signatures import Signer

SEND_S_MAX = 60.0
"""An idempotent producer can hang in an outage; after this time it is replaced."""
REQUEST_BYTES_MAX = 2 * 1024 * 1024


TOPIC_S_MAX = 3.0
"""How long a topic that the broker does not know may delay the other topics."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The position of a confirmed message."""

    partition: int
    offset: int


Outcome: TypeAlias = Sent | Poison | Transient
PendingSend: TypeAlias = "asyncio.Future[RecordMetadata] | Poison | Transient"
NOT_ENQUEUED = Transient("the broker took too long")
NOT_CONFIRMED = Transient("the broker did not confirm the message")
REFUSED = Poison("too_large", "the broker refused the size of the message")


class Producer:
    """Idempotent, with acks=all. Opened at first use, and opened again after a fatal error."""

    def __init__(
        self, settings: CommonSettings, source: str, *, linger_ms: int = 5, signer: Signer | None = None
    ) -> None:
        self._settings = settings
        self._signer = signer
        self._source = source
        self._linger_ms = linger_ms
        self._producer: AIOKafkaProducer | None = None

    async def _open(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **connection(self._settings),
                client_id=f"{self._source}-relay",
                enable_idempotence=True,
                acks="all",
                compression_type=_codec(self._settings),
                linger_ms=self._linger_ms,
                max_batch_size=262_144,
                max_request_size=REQUEST_BYTES_MAX,
                request_timeout_ms=30_000,
            )
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                await producer.stop()
                raise Transient(f"the broker does not respond ({type(error).__name__})") from None
            self._producer = producer
        return self._producer

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Send all messages and wait for all; return the outcome of each, in the given order.

        A ``Transient`` message is not confirmed, but may have been stored. A ``Poison`` message can never be sent.

        Raises:
            Transient: there is no connection; nothing was sent.
        """
        if not messages:
            return []
        outcomes = await self._send(messages)
        if len(messages) > 1:
            for number, outcome in enumerate(outcomes):
                if (
                    outcome is REFUSED
                ):  # with its whole batch: send it alone to find out whether it is too large itself
                    (outcomes[number],) = await self._send([messages[number]])
        return outcomes

    async def _send(self, messages: Sequence[Message]) -> list[Outcome]:
        producer = await self._open()
        pending: list[PendingSend] = [NOT_ENQUEUED] * len(messages)
        with suppress(TimeoutError):
            async with asyncio.timeout(SEND_S_MAX):
                unknown = await self._unknown_topics(producer, {message.topic for message in messages})
                for number, message in enumerate(messages):
                    pending[number] = unknown.get(message.topic) or await self._enqueue(producer, message)
                futures = [one for one in pending if isinstance(one, asyncio.Future)]
                if futures:
                    await asyncio.wait(futures)
        outcomes = [_outcome(one) for one in pending]
        if any(one in {NOT_CONFIRMED, NOT_ENQUEUED, REFUSED} for one in outcomes):
            await self.close()  # its sequence numbers may be inconsistent now
        return outcomes

    async def _unknown_topics(
        self, producer: AIOKafkaProducer, topics: Iterable[str]
    ) -> dict[str, Transient]:
        """Return the topics that the broker does not know now: only their messages wait."""
        unknown = {}
        for topic in sorted(topics):
            try:
                async with asyncio.timeout(TOPIC_S_MAX):
                    await producer.partitions_for(topic)
            except (KafkaError, TimeoutError):
                unknown[topic] = Transient(f"the broker does not know the topic {topic}")
        return unknown

    async def _enqueue(self, producer: AIOKafkaProducer, message: Message) -> PendingSend:
        try:
            future: asyncio.Future[RecordMetadata] = await producer.send(
                message.topic,
                key=message.key.encode(),
                value=message.value,
                headers=message.headers(self._source, self._signer),
            )
        except MessageSizeTooLargeError:
            return Poison("too_large", f"{len(message.value)} bytes for {message.topic}")
        except (KafkaError, OSError):
            return NOT_CONFIRMED
        return future

    async def close(self) -> None:
        """Flush for up to five seconds, then close the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 5)


def _codec(settings: CommonSettings) -> str | None:
    return None if settings.kafka_compression == "none" else settings.kafka_compression


def _outcome(pending: PendingSend) -> Outcome:
    if not isinstance(pending, asyncio.Future):
        return pending
    if not pending.done():
        pending.cancel()
    if pending.cancelled() or not pending.done():
        return NOT_CONFIRMED
    error = pending.exception()
    if error is None:
        placed = pending.result()
        return Sent(placed.partition, placed.offset)
    if isinstance(error, MessageSizeTooLargeError):
        return REFUSED
    return NOT_CONFIRMED
