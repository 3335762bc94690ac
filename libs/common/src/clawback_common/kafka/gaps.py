"""Gaps: an offset of the group or the service is before the log start, so Kafka deleted unprocessed records."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Stop, Transient
from clawback_common.kafka import offsets
from clawback_common.kafka.connection import connection
from clawback_common.postgres import Database

Stored: TypeAlias = Mapping[tuple[str, int], int]
"""The next offset of each (topic, partition) in the service's own database."""


async def require_no_gap(
    settings: CommonSettings, service: str, topics: Mapping[str, str], stored: Stored | None = None
) -> None:
    """Refuse to skip records that were never processed.

    Args:
        settings: the service's.
        service: its name.
        topics: the consumer group of each topic.
        stored: offsets of the topics whose offsets the service keeps itself. The broker deletes a group's after a week.

    Raises:
        Stop: contains each partition with the missing offsets, and the command that accepts the gap.
        Transient: the broker does not respond.
    """
    gaps = [
        f"{place.topic}-{place.partition} offsets {known} to {first - 1}"
        for group in sorted(set(topics.values()))
        for place, known, first in await _positions(settings, group, _of(topics, group), stored or {})
        if known is not None and known < first
    ]
    if gaps:
        raise Stop(
            f"Kafka deleted records that {service} never processed: {'; '.join(gaps)}. Re-import them, "
            f"then accept the gap with 'python -m {service} accept-gap'"
        )


async def accept_gaps(
    settings: CommonSettings, topics: Mapping[str, str], db: Database, service: str
) -> list[str]:
    """Move the offsets of the groups and of the service that are before the log start to the log start.

    The workers must be stopped. ``topics`` gives the consumer group of each topic.
    """
    stored = await offsets.stored(db, service)
    moved: dict[TopicPartition, int] = {}
    for group in sorted(set(topics.values())):
        moved |= await _accept(settings, group, _of(topics, group), stored)
    own = {
        (place.topic, place.partition): first
        for place, first in moved.items()
        if stored.get((place.topic, place.partition), first) < first
    }
    if own:
        async with db.transaction() as tx:
            await offsets.move(tx, service, own)
    return [f"{place.topic}-{place.partition} from offset {first}" for place, first in moved.items()]


def _of(topics: Mapping[str, str], group: str) -> list[str]:
    return [topic for topic, its in topics.items() if its == group]


async def _accept(
    settings: CommonSettings, group: str, topics: Iterable[str], stored: Stored
) -> dict[TopicPartition, int]:
    positions = await _positions(settings, group, topics, stored)
    behind = {place: first for place, known, first in positions if known is not None and known < first}
    if behind:
        async with _offset_reader(settings, group) as consumer:
            consumer.assign(list(behind))
            await consumer.commit(behind)
    return behind


async def log_ends(settings: CommonSettings, topic: str) -> dict[int, tuple[int, int]]:
    """Return the first and the next offset of each partition of a topic.

    Raises:
        Transient: the broker does not respond.
    """
    async with _offset_reader(settings) as consumer:
        places = await _partitions(consumer, [topic])
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {place.partition: (first[place], end[place]) for place in places}


async def _positions(
    settings: CommonSettings, group: str, topics: Iterable[str], stored: Stored
) -> list[tuple[TopicPartition, int | None, int]]:
    """Return (partition, smaller of committed and own offset, first offset in the log) of every partition."""
    async with _offset_reader(settings, group) as consumer:
        places = await _partitions(consumer, topics)
        consumer.assign(places)
        first = await consumer.beginning_offsets(places)
        found = []
        for place in places:
            both = (await consumer.committed(place), stored.get((place.topic, place.partition)))
            known = [offset for offset in both if offset is not None]
            found.append((place, min(known, default=None), first[place]))
        return found


@asynccontextmanager
async def _offset_reader(settings: CommonSettings, group: str | None = None) -> AsyncIterator[Any]:
    """Open a consumer that joins no group and subscribes to nothing."""
    consumer = AIOKafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError) as error:
        raise Transient(f"the broker does not respond ({type(error).__name__})") from None
    finally:
        await consumer.stop()


async def _partitions(consumer: Any, topics: Iterable[str]) -> list[TopicPartition]:
    await consumer._client.force_metadata_update()  # noqa: SLF001  # without a subscription it knows no topic
    cluster = consumer._client.cluster  # noqa: SLF001
    return [TopicPartition(topic, n) for topic in topics for n in cluster.partitions_for_topic(topic) or ()]
