"""Past a record that the client itself cannot unpack, such as one with a header's name that is not UTF-8.

aiokafka raises from ``getmany``, and asked again it raises again: any writer could stop a partition for ever. So
after such an error the partitions are taken one record at a time, and the one that cannot be unpacked is stepped over.
What its producer put behind it into the same batch cannot be unpacked either; each is set aside by its offset.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import TopicPartition

STEP_MS = 1_000

OnUnreadable = Callable[[str, int, int], Awaitable[None]]
"""Told topic, partition and offset of the record, before it is stepped over."""

_log = structlog.stdlib.get_logger(__name__)


def step_over_unreadable(consumer: Any, on_unreadable: OnUnreadable) -> None:
    """Makes this consumer's ``getmany`` go on behind records that cannot be unpacked."""
    getmany = consumer.getmany

    async def careful(*places: TopicPartition, timeout_ms: int = 0, max_records: int | None = None) -> Any:
        wanted = list(places or consumer.assignment())
        positions = {place: await consumer.position(place) for place in wanted}
        try:
            return await getmany(*places, timeout_ms=timeout_ms, max_records=max_records)
        except (UnicodeDecodeError, ValueError, IndexError):
            # What was unpacked before the error is lost with it, so all begin again where they stood.
            for place, position in positions.items():
                consumer.seek(place, position)
        found: dict[TopicPartition, list[Any]] = {}
        try:
            for place, position in positions.items():
                await step(found, place, position)
        except Exception:  # what was found is handed to nobody, so it must be read again
            for place in found:
                consumer.seek(place, positions[place])
            raise
        return found

    async def step(found: dict[TopicPartition, list[Any]], place: TopicPartition, position: int) -> None:
        try:
            found |= await getmany(place, timeout_ms=STEP_MS, max_records=1)
        except (UnicodeDecodeError, ValueError, IndexError):
            _log.error(
                "a record cannot be unpacked", topic=place.topic, partition=place.partition, offset=position
            )
            await on_unreadable(place.topic, place.partition, position)
            consumer.seek(place, position + 1)

    consumer.getmany = careful
