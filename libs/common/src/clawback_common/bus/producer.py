"""A producer that tells of each message where it lies or why it cannot be sent."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from clawback_common.bus.connection import connection
from clawback_common.bus.envelope import Message
from clawback_common.errors import Poison, Transient
from clawback_common.settings import CommonSettings

SEND_S_MAX = 60.0
"""An idempotent producer can hang in an outage; after this it is thrown away for a new one."""
REQUEST_BYTES_MAX = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a confirmed message lies."""

    partition: int
    offset: int


class Producer:
    """Idempotent, acknowledged by all in-sync replicas. Opened when first used, and anew after a fatal error."""

    def __init__(self, settings: CommonSettings, source: str, *, linger_ms: int = 5) -> None:
        self._settings = settings
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
                compression_type="zstd",
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

    async def send(self, messages: Sequence[Message]) -> list[Sent | Poison]:
        """Sends all, waits for all, in the order given.

        Raises:
            Transient: the broker did not confirm; any of them may have arrived all the same.
        """
        if not messages:
            return []
        producer = await self._open()
        try:
            async with asyncio.timeout(SEND_S_MAX):
                futures = [await self._enqueue(producer, message) for message in messages]
                outcomes = await asyncio.gather(*map(_outcome, futures), return_exceptions=True)
                return [_raised(outcome) for outcome in outcomes]
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise Transient(f"the broker did not confirm ({type(error).__name__})") from None

    async def _enqueue(
        self, producer: AIOKafkaProducer, message: Message
    ) -> "asyncio.Future[RecordMetadata] | Poison":
        try:
            future: asyncio.Future[RecordMetadata] = await producer.send(
                message.topic,
                key=message.key.encode(),
                value=message.value,
                headers=message.headers(self._source),
            )
        except MessageSizeTooLargeError:
            return Poison("too_large", f"{len(message.value)} bytes for {message.topic}")
        return future

    async def close(self) -> None:
        """Sends what is in hand for a moment, then lets go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 5)


async def _outcome(future: "asyncio.Future[RecordMetadata] | Poison") -> Sent | Poison:
    if isinstance(future, Poison):
        return future
    try:
        placed = await future
    except MessageSizeTooLargeError:
        return Poison("too_large", "the broker refused its size")
    return Sent(placed.partition, placed.offset)


def _raised(outcome: Sent | Poison | BaseException) -> Sent | Poison:
    """Every future was awaited before the first error is raised: a forgotten one is a silent loss."""
    if isinstance(outcome, BaseException) and not isinstance(outcome, Poison):
        raise outcome
    return outcome
