"""A broker in production mode: each user has exactly the rights of its party in the contract."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError, for_code

from clawback_local import Stack
from clawback_local.config import DATABASES
from clawback_local.parts import SUBMISSIONS
from clawback_story.world import OWN_SERVERS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A broker with the contract's topics and users, and no other part."""
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_SERVERS:
            patch.delenv(name, raising=False)
        with Stack(parts=("topics",), production=True) as running:
            yield running


def connection(stack: Stack, user: str) -> dict[str, Any]:
    """Returns how a user connects to the broker."""
    return stack.paths.kafka_arguments(stack.env["KAFKA_BOOTSTRAP_SERVERS"], user)


async def write(stack: Stack, user: str, topic: str) -> None:
    """Writes one record as this user."""
    async with AIOKafkaProducer(**connection(stack, user), enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"value", partition=0)


@asynccontextmanager
async def administrator(stack: Stack, user: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of this user."""
    admin = AIOKafkaAdminClient(**connection(stack, user))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def described_topic(stack: Stack, user: str, topic: str) -> list[dict[str, Any]]:
    """Returns what the broker shows this user of a topic."""
    async with administrator(stack, user) as admin:
        found: list[dict[str, Any]] = await admin.describe_topics([topic])
    return found


async def read(stack: Stack, user: str, topic: str, group: str | None = None) -> None:
    """Reads the first record as this user; with a group, commits its position."""
    place = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(**connection(stack, user), group_id=group, enable_auto_commit=False)
    async with consumer:
        consumer.assign([place])
        consumer.seek(place, 0)
        await consumer.getone()
        if group:
            await consumer.commit()


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("upstream", SUBMISSIONS),
        ("upstream", "revocation-notices.v1"),
        ("search", "removal-receipts.v1"),
        ("ingester", "articles.v1"),
        ("compliance", "revocations.v1"),
    ],
)
async def test_the_writer_of_a_topic_may_write_it(stack: Stack, user: str, topic: str) -> None:
    await write(stack, user, topic)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("upstream", "article-submissions.v1"),
        ("upstream", "articles.v1"),
        ("upstream", "removal-receipts.v1"),
        ("search", "articles.v1"),
        ("search", "revocations.v1"),
        ("search", SUBMISSIONS),
        ("ingester", "revocations.v1"),
        ("compliance", "articles.v1"),
        ("alerting", "sweeps.v1"),
        ("retention", "revocations.v1"),
    ],
)
async def test_no_other_user_may_write_it(stack: Stack, user: str, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await write(stack, user, topic)


async def test_content_is_readable_by_its_consumers_in_groups_of_their_own_names(stack: Stack) -> None:
    await write(stack, "operator", "articles.v1")
    await read(stack, "analytics", "articles.v1", "analytics.content")
    await read(stack, "search", "articles.v1", "search")
    for user in ("compliance", "alerting"):  # they may read its offsets
        with pytest.raises(TopicAuthorizationFailedError):
            await read(stack, user, "articles.v1")
    for user in ("upstream", "retention"):
        (described,) = await described_topic(stack, user, "articles.v1")
        assert for_code(described["error_code"]) is TopicAuthorizationFailedError
    with pytest.raises(GroupAuthorizationFailedError):
        await read(stack, "search", "articles.v1", "analytics.content")


async def test_compliance_and_alerting_see_every_group(stack: Stack) -> None:
    await write(stack, "operator", "articles.v1")
    await read(stack, "search", "articles.v1", "search")
    for user, sees in {name: name in {"compliance", "alerting"} for name in DATABASES}.items():
        async with administrator(stack, user) as admin:
            groups = {name for name, *_ in await admin.list_consumer_groups()}
        assert ("search" in groups) is sees, user


async def test_compliance_sees_who_has_a_position_on_the_content_topic(stack: Stack) -> None:
    await write(stack, "operator", "articles.v1")
    await read(stack, "search", "articles.v1", "search")
    async with administrator(stack, "compliance") as admin:
        ((_, offset),) = (await admin.list_consumer_group_offsets("search")).items()
    assert offset.offset >= 0
