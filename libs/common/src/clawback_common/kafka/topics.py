"""Compares the broker's topics with the contract: creates missing ones, refuses to consume differing ones."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from clawback_common.config.settings import BrokerSettings, CommonSettings
from clawback_common.errors import Stop, Transient
from clawback_common.kafka.connection import connection
from clawback_contracts.topics import Topic, load_topics, topic_named

CHECKED = ("cleanup.policy", "retention.ms", "segment.ms", "message.timestamp.type")
"""The topic settings that our guarantees depend on."""


@asynccontextmanager
async def admin(settings: BrokerSettings) -> AsyncIterator[Any]:
    """Open an admin client.

    Raises:
        Transient: the broker does not respond.
    """
    client = AIOKafkaAdminClient(**connection(settings))
    try:
        await client.start()
        yield client
    except (KafkaError, OSError) as error:
        raise Transient(f"the broker does not respond ({type(error).__name__})") from None
    finally:
        await client.close()


async def provision(settings: BrokerSettings, of_writers: Sequence[str] = ()) -> list[str]:
    """Create the missing topics and return their names.

    Args:
        settings: of the broker.
        of_writers: topics of single writers, which no file names.

    Raises:
        Stop: the contract has no such topic, or the broker refuses.
    """
    profile = settings.topic_profile
    topics = [*load_topics().values(), *_known(of_writers).values()]
    async with admin(settings) as client:
        there = set(await client.list_topics())
        missing = [topic for topic in topics if topic.name not in there]
        if missing:
            response = await client.create_topics(
                [
                    NewTopic(
                        topic.name,
                        topic.partitions(profile),
                        topic.replicas(profile),
                        topic_configs=topic.config(profile),
                    )
                    for topic in missing
                ]
            )
            for name, code, *_ in response.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise Stop(f"the broker refused to create the topic {name}: {error.__name__}")
    return [topic.name for topic in missing]


def _known(names: Iterable[str]) -> dict[str, Topic]:
    found = {name: topic_named(name) for name in names}
    strangers = sorted(name for name, topic in found.items() if topic is None)
    if strangers:
        raise Stop(f"the contract has no topic {', '.join(strangers)}")
    return {name: topic for name, topic in found.items() if topic is not None}


async def require_topics(settings: CommonSettings, names: Iterable[str]) -> None:
    """Refuse topics that differ from the contract. A missing topic may still be created.

    Raises:
        Stop: contains each difference.
        Transient: the broker does not respond, or topics are missing; contains their names.
    """
    names = list(names)
    contract = _known(names)
    async with admin(settings) as client:
        partitions = {
            described["topic"]: len(described["partitions"])
            for described in await client.describe_topics(list(names))
            if not described["error_code"]
        }
        configs = await _configs(client, partitions)
    wrong = [
        difference
        for name, count in partitions.items()
        for difference in differences(contract[name], settings, count, configs.get(name, {}))
    ]
    if wrong:
        raise Stop(f"topics differ from the contract: {'; '.join(wrong)}. Alter them with kafka-configs")
    missing = [name for name in names if name not in partitions]
    if missing:
        raise Transient(
            f"missing topics: {', '.join(missing)}. Create them with 'python -m clawback_common.kafka provision'"
        )


def differences(
    topic: Topic, settings: CommonSettings, partitions: int, config: Mapping[str, str]
) -> list[str]:
    """Return the differences of a topic, as text."""
    profile = settings.topic_profile
    wrong = []
    if partitions < topic.partitions(profile):
        wrong.append(f"{topic.name} has {partitions} partitions, not {topic.partitions(profile)}")
    expected = topic.config(profile)
    wrong += [
        f"{topic.name} has {name}={config.get(name)}, not {expected[name]}"
        for name in CHECKED
        if config.get(name) != expected[name]
    ]
    return wrong


async def _configs(client: Any, names: Iterable[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found: dict[str, dict[str, str]] = {}
    if resources:
        for response in await client.describe_configs(resources):
            for _code, _message, _type, name, entries in response.resources:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found
