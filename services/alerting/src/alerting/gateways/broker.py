"""Health checks of the broker: whether it answers, the lag of the consumer groups, the number of dead letters."""

from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin.client import AIOKafkaAdminClient
from aiokafka.consumer import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Transient
from clawback_common.kafka.connection import connection

DEAD_LETTERS = ".dlq.v1"


async def ping(settings: CommonSettings) -> None:
    """Sends the broker a minimal request, so that a machine under load is not reported as a broker that is down.

    Raises:
        Transient: it does not answer.
    """
    admin: Any = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        raise Transient(f"the broker does not answer ({type(error).__name__})") from None
    finally:
        await admin.close()


async def lag(settings: CommonSettings, services: Iterable[str]) -> dict[str, Any]:
    """Reads the lag of these services' consumer groups, and the number of records in each dead-letter topic.

    Returns:
        ``lags`` by ``group/topic`` and ``dead_letters`` by topic.

    Raises:
        Transient: it does not answer.
    """
    owners = set(services)
    admin: Any = AIOKafkaAdminClient(**connection(settings))
    consumer: Any = AIOKafkaConsumer(**connection(settings), enable_auto_commit=False)
    try:
        await admin.start()
        await consumer.start()
        groups = [name for name, *_ in await admin.list_consumer_groups() if name.split(".")[0] in owners]
        committed = {group: await admin.list_consumer_group_offsets(group) for group in groups}
        dead = await _partitions_of(admin, [t for t in await admin.list_topics() if t.endswith(DEAD_LETTERS)])
        partitions = {partition for offsets in committed.values() for partition in offsets} | set(dead)
        ends = await consumer.end_offsets(list(partitions)) if partitions else {}
        first = await consumer.beginning_offsets(dead) if dead else {}
    except (KafkaError, OSError) as error:
        raise Transient(f"the broker does not answer ({type(error).__name__})") from None
    finally:
        await consumer.stop()
        await admin.close()
    return {"lags": _lags(committed, ends), "dead_letters": _depths(dead, first, ends)}


async def _partitions_of(admin: Any, topics: list[str]) -> list[TopicPartition]:
    if not topics:
        return []
    return [
        TopicPartition(described["topic"], partition["partition"])
        for described in await admin.describe_topics(topics)
        for partition in described["partitions"]
    ]


def _lags(committed: dict[str, Any], ends: dict[TopicPartition, int]) -> dict[str, int]:
    lags: dict[str, int] = {}
    for group, offsets in committed.items():
        for partition, kept in offsets.items():
            if kept.offset >= 0:
                key = f"{group}/{partition.topic}"
                lags[key] = lags.get(key, 0) + max(0, ends[partition] - kept.offset)
    return lags


def _depths(
    partitions: list[TopicPartition], first: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> dict[str, int]:
    depths: dict[str, int] = {}
    for partition in partitions:
        depths[partition.topic] = depths.get(partition.topic, 0) + ends[partition] - first[partition]
    return depths
