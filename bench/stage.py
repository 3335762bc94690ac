"""The environment of the contestants: our own stack, a fresh database for each, a topic filled in advance."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from bench import sample
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration, migrate
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.topics import load_topics
from clawback_local import Stack
from clawback_local.config import Paths
from clawback_local.stack import delete
from ingester.service import SERVICE as INGESTER
from ingester.storage.contents import Months

TEMPLATE = "bench_template"
PLACE_TRIES = 200


class BenchError(Exception):
    """A contestant failed; the message says which, and where its log is."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers of the benchmarks."""

    kafka: str
    admin_url: str
    logs: Path
    numbers: Iterator[int]

    def url(self, database: str) -> str:
        """Returns the address of one of our databases."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{database}"))


@contextmanager
def opened(place: Path) -> Iterator[Stage]:
    """Runs Kafka with empty topics, and PostgreSQL, for the duration of a block."""
    forget(place)
    with Stack(place, parts=["topics", "postgres"]) as stack:
        yield Stage(
            stack.env["KAFKA_BOOTSTRAP_SERVERS"], stack.env["POSTGRES_URL"], stack.paths.logs, count(1)
        )


def forget(place: Path) -> None:
    """Deletes what an earlier stack left in a folder."""
    delete(Paths(place.absolute()))


async def make_template(stage: Stage, name: str, migrations: Sequence[Migration]) -> None:
    """Creates a migrated database that is copied for the contestants."""
    await _administer(stage, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    async with Database.connect(stage.url(name)) as db:
        await migrate(db, migrations, ("pre", "post"))


async def prepare(stage: Stage) -> None:
    """Creates the ingester's template, with the partitions for the months of the articles."""
    await make_template(stage, TEMPLATE, INGESTER.all_migrations())
    now = datetime.now(UTC)
    async with Database.connect(stage.url(TEMPLATE)) as db:
        await Months(db).make([now - timedelta(days=days) for days in range(120)])


@asynccontextmanager
async def database(stage: Stage, template: str = TEMPLATE) -> AsyncIterator[str]:
    """Yields the address of a fresh database, which is dropped afterwards. A checkpoint precedes each contestant."""
    name = f"bench_{next(stage.numbers)}"
    await _administer(
        stage,
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy",
        "CHECKPOINT",
    )
    try:
        yield stage.url(name)
    finally:
        await _administer(stage, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _administer(stage: Stage, *statements: str) -> None:
    connection = await asyncpg.connect(stage.admin_url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def submit(kafka: str, articles: int, first: int = 0, topic: str = ArticleSubmitted.TOPIC) -> None:
    """Publishes this many articles on a topic of submissions; returns when the broker has confirmed all."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        enable_idempotence=True,
        linger_ms=20,
        max_batch_size=262_144,
    )
    async with producer:
        messages = sample.messages(articles, first)
        sent = [await producer.send(**{**message, "topic": topic}) for message in messages]
        await asyncio.gather(*sent)


async def place_group(kafka: str, group: str, topic: str, *, at_end: bool = False) -> None:
    """Sets a group to the start of a topic, or to its end; waits until its last member has left.

    Raises:
        BenchError: the group still has members.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    async with consumer:
        places = [TopicPartition(topic, number) for number in range(load_topics()[topic].partitions("local"))]
        consumer.assign(places)
        offsets = await consumer.end_offsets(places) if at_end else dict.fromkeys(places, 0)
        for _ in range(PLACE_TRIES):
            try:
                await consumer.commit(offsets)
            except KafkaError:
                await asyncio.sleep(0.1)
            else:
                return
    raise BenchError(f"the group {group} still has members")


def free_port() -> int:
    """Returns a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
