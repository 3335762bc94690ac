"""A gap: the group's committed offset lies before the log's start, so records are gone that nobody handled."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from clawback_common.bus.connection import connection
from clawback_common.errors import Stop, Transient
from clawback_common.settings import CommonSettings


async def require_no_gap(settings: CommonSettings, service: str, topics: Mapping[str, str]) -> None:
    """Refuses to consume past records that were never seen; ``topics`` gives the consumer group of each.

    Raises:
        Stop: names each partition with what is missing, and the command that accepts it.
        Transient: the broker does not answer.
    """
    gaps = [
        f"{place.topic}-{place.partition} offsets {committed} to {first - 1}"
        for group in sorted(set(topics.values()))
        for place, committed, first in await _positions(
            settings, group, [topic for topic, its in topics.items() if its == group]
        )
        if committed is not None and committed < first
    ]
    if gaps:
        raise Stop(
            f"records are gone that {service} never handled: {'; '.join(gaps)}. Refill what they brought, "
            f"then accept the gap with 'python -m {service} accept-gap'"
        )


async def accept_gaps(settings: CommonSettings, topics: Mapping[str, str]) -> list[str]:
    """Moves the groups to the log's start where they lie behind. Only while their workers are stopped.

    ``topics`` gives the consumer group of each topic.
    """
    moved = []
    for group in sorted(set(topics.values())):
        moved += await _accept(settings, group, [topic for topic, its in topics.items() if its == group])
    return moved


async def _accept(settings: CommonSettings, group: str, topics: Iterable[str]) -> list[str]:
    positions = await _positions(settings, group, topics)
    behind = {
        place: first for place, committed, first in positions if committed is not None and committed < first
    }
    if behind:
        async with _looking(settings, group) as consumer:
            consumer.assign(list(behind))
            await consumer.commit(behind)
    return [f"{place.topic}-{place.partition} from offset {first}" for place, first in behind.items()]


async def log_ends(settings: CommonSettings, topic: str) -> dict[int, tuple[int, int]]:
    """The first and the next offset of each partition of a topic.

    Raises:
        Transient: the broker does not answer.
    """
    async with _looking(settings) as consumer:
        places = await _partitions(consumer, [topic])
        first, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {place.partition: (first[place], end[place]) for place in places}


async def _positions(
    settings: CommonSettings, group: str, topics: Iterable[str]
) -> list[tuple[TopicPartition, int | None, int]]:
    """(partition, committed offset, first offset in the log) of every partition."""
    async with _looking(settings, group) as consumer:
        places = await _partitions(consumer, topics)
        consumer.assign(places)
        first = await consumer.beginning_offsets(places)
        return [(place, await consumer.committed(place), first[place]) for place in places]


@asynccontextmanager
async def _looking(settings: CommonSettings, group: str | None = None) -> AsyncIterator[Any]:
    """A consumer that takes part in nothing."""
    consumer = AIOKafkaConsumer(**connection(settings), group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError) as error:
        raise Transient(f"the broker does not answer ({type(error).__name__})") from None
    finally:
        await consumer.stop()


async def _partitions(consumer: Any, topics: Iterable[str]) -> list[TopicPartition]:
    await consumer._client.force_metadata_update()  # noqa: SLF001  # without a subscription it knows no topic
    cluster = consumer._client.cluster  # noqa: SLF001
    return [TopicPartition(topic, n) for topic in topics for n in cluster.partitions_for_topic(topic) or ()]
