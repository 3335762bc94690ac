"""A producer that tells of each message where it lies or why it cannot be sent."""

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
"""An idempotent producer can hang in an outage; after this it is thrown away for a new one."""
REQUEST_BYTES_MAX = 2 * 1024 * 1024


TOPIC_S_MAX = 3.0
"""How long a topic that the broker does not know may hold up the others."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a confirmed message lies."""

    partition: int
    offset: int


Outcome: TypeAlias = Sent | Poison | Transient
Handed: TypeAlias = "asyncio.Future[RecordMetadata] | Poison | Transient"
NOT_HANDED = Transient("the broker took too long")
NOT_CONFIRMED = Transient("the broker did not confirm")
REFUSED = Poison("too_large", "the broker refused its size")


class Producer:
    """Idempotent, acknowledged by all in-sync replicas. Opened when first used, and anew after a fatal error."""

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
                raise Transient(f"the broker does not answer ({type(error).__name__})") from None
            self._producer = producer
        return self._producer

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Sends all and waits for all; what became of each, in the order given.

        ``Transient`` is not confirmed and may have arrived all the same; ``Poison`` can never be sent.

        Raises:
            Transient: there is no connection; nothing was sent.
        """
        if not messages:
            return []
        outcomes = await self._send(messages)
        if len(messages) > 1:
            for number, outcome in enumerate(outcomes):
                if outcome is REFUSED:  # with its whole batch; alone it shows whether it was this one
                    (outcomes[number],) = await self._send([messages[number]])
        return outcomes

    async def _send(self, messages: Sequence[Message]) -> list[Outcome]:
        producer = await self._open()
        handed: list[Handed] = [NOT_HANDED] * len(messages)
        with suppress(TimeoutError):
            async with asyncio.timeout(SEND_S_MAX):
                lost = await self._topics_not_there(producer, {message.topic for message in messages})
                for number, message in enumerate(messages):
                    handed[number] = lost.get(message.topic) or await self._hand_over(producer, message)
                futures = [one for one in handed if isinstance(one, asyncio.Future)]
                if futures:
                    await asyncio.wait(futures)
        outcomes = [_outcome(one) for one in handed]
        if any(one in {NOT_CONFIRMED, NOT_HANDED, REFUSED} for one in outcomes):
            await self.close()  # its numbering may be broken now
        return outcomes

    async def _topics_not_there(
        self, producer: AIOKafkaProducer, topics: Iterable[str]
    ) -> dict[str, Transient]:
        """The topics that the broker does not know now: their messages wait, the others must not."""
        lost = {}
        for topic in sorted(topics):
            try:
                async with asyncio.timeout(TOPIC_S_MAX):
                    await producer.partitions_for(topic)
            except (KafkaError, TimeoutError):
                lost[topic] = Transient(f"the broker does not know the topic {topic}")
        return lost

    async def _hand_over(self, producer: AIOKafkaProducer, message: Message) -> Handed:
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
        """Sends what is in hand for a moment, then lets go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 5)


def _codec(settings: CommonSettings) -> str | None:
    return None if settings.kafka_compression == "none" else settings.kafka_compression


def _outcome(handed: Handed) -> Outcome:
    if not isinstance(handed, asyncio.Future):
        return handed
    if not handed.done():
        handed.cancel()
    if handed.cancelled() or not handed.done():
        return NOT_CONFIRMED
    error = handed.exception()
    if error is None:
        placed = handed.result()
        return Sent(placed.partition, placed.offset)
    if isinstance(error, MessageSizeTooLargeError):
        return REFUSED
    return NOT_CONFIRMED
