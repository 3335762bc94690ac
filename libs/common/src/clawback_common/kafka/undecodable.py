"""Skips records that aiokafka cannot decode, such as one with a header name that is not UTF-8.

aiokafka raises from ``getmany``, and raises again at each further call: any writer could stop a partition for ever. So
after such an error the partitions are read one record at a time, and the record that cannot be decoded is skipped.
The records behind it in the same producer batch cannot be decoded either; each is quarantined by its offset.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import TopicPartition

STEP_MS = 1_000

OnUndecodable = Callable[[str, int, int], Awaitable[None]]
"""Called with topic, partition and offset of the record before it is skipped."""

_log = structlog.stdlib.get_logger(__name__)


def skip_undecodable(consumer: Any, on_undecodable: OnUndecodable) -> None:
    """Make this consumer's ``getmany`` skip records that cannot be decoded."""
    getmany = consumer.getmany

    async def tolerant_getmany(
        *places: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Any:
        wanted = list(places or consumer.assignment())
        positions = {place: await consumer.position(place) for place in wanted}
        try:
            return await getmany(*places, timeout_ms=timeout_ms, max_records=max_records)
        except (UnicodeDecodeError, ValueError, IndexError):
            # The error discards what was decoded before it, so every partition is read again from its old position.
            for place, position in positions.items():
                consumer.seek(place, position)
        found: dict[TopicPartition, list[Any]] = {}
        try:
            for place, position in positions.items():
                await step(found, place, position)
        except Exception:  # the records found are not returned, so they must be read again
            for place in found:
                consumer.seek(place, positions[place])
            raise
        return found

    async def step(found: dict[TopicPartition, list[Any]], place: TopicPartition, position: int) -> None:
        try:
            found |= await getmany(place, timeout_ms=STEP_MS, max_records=1)
        except (UnicodeDecodeError, ValueError, IndexError):
            _log.error(
                "record cannot be decoded", topic=place.topic, partition=place.partition, offset=position
            )
            await on_undecodable(place.topic, place.partition, position)
            consumer.seek(place, position + 1)

    consumer.getmany = tolerant_getmany
