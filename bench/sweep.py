"""``sweep.partition``: from a request on the topic to the result, compared with DELETE and VACUUM of the same rows."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench import results, stage
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import contestant
from clawback_common.postgres import Database
from clawback_contracts import cloudevents
from clawback_contracts.sweep.v1 import Action, SweepAnswer, SweepCompleted, SweepRequested
from clawback_contracts.topics import load_topics
from clawback_local.processes import answers, until
from ingester.storage.contents import Months

MONTH = datetime(2024, 3, 1, tzinfo=UTC)
BEFORE = datetime(2024, 4, 2, tzinfo=UTC)
YOUNG = 1_000
"""Today's articles, which stay."""
READY_S_MAX = 60.0
ANSWER_S_MAX = 120.0
FILL_S_MAX = 600.0
IDENTITIES = """
    INSERT INTO article (article_id, retention_date, received_at, updated_at, source_order, version, state,
                         ever_published)
    SELECT 'upstream:' || n, $1::timestamptz + n * $2::interval, $1, $1, n, 1, 'live', true
    FROM generate_series($3::int, $4::int) AS n
"""
CONTENTS = """
    INSERT INTO article_content (retention_date, article_id, version, search, document)
    SELECT retention_date, article_id, 1, '', repeat(md5(article_id), 128) FROM article WHERE retention_date >= $1
"""
"""Documents of 4 KB, which PostgreSQL does not compress."""
DELETE = "DELETE FROM article_content WHERE retention_date < $1"
VACUUM = "VACUUM article_content"


@dataclass(frozen=True, slots=True)
class Full:
    """A database that is copied for all contestants."""

    name: str
    articles: int


async def run(on: Stage, articles: int, rounds: int) -> list[Result]:
    """Runs both alternately, this many rounds; figures are articles per second."""
    pairs = []
    async with _full(on, articles) as full:
        for _ in range(rounds):
            by_hand_s = await by_hand(on, full)
            ours_s = await owner(on, full)
            pairs.append((articles / ours_s, articles / by_hand_s))
            print(f"  swept in {ours_s:.2f} s, deleted and vacuumed in {by_hand_s:.2f} s", flush=True)
    return [results.of_pairs("sweep.partition", "articles/s", pairs, least=6)]


@asynccontextmanager
async def _full(on: Stage, articles: int) -> AsyncIterator[Full]:
    """A month of old articles and some of today, in the ingester's tables."""
    async with stage.database(on) as url:
        async with Database.connect(url) as db:
            await Months(db).make([MONTH])
        connection = await asyncpg.connect(url, command_timeout=FILL_S_MAX)
        try:
            step = timedelta(days=30) / articles
            await connection.execute(IDENTITIES, MONTH, step, 1, articles)
            await connection.execute(CONTENTS, MONTH)
            today = datetime.now(UTC) - timedelta(days=1)
            await connection.execute(IDENTITIES, today, timedelta(0), articles + 1, articles + YOUNG)
            await connection.execute(CONTENTS, today)
            await connection.execute("VACUUM (ANALYZE) article, article_content")
        finally:
            await connection.close()
        yield Full(url.rsplit("/", 1)[-1], articles)


async def by_hand(on: Stage, full: Full) -> float:
    """Returns the seconds to delete the same rows, and to return their space to the table."""
    async with stage.database(on, full.name) as url:
        connection = await asyncpg.connect(url, command_timeout=FILL_S_MAX)
        try:
            started = time.monotonic()
            deleted = await connection.execute(DELETE, BEFORE)
            await connection.execute(VACUUM)
            took_s = time.monotonic() - started
        finally:
            await connection.close()
        if deleted != f"DELETE {full.articles}":
            raise BenchError(f"by hand: {deleted}, not {full.articles}")
        return took_s


async def owner(on: Stage, full: Full) -> float:
    """Returns the seconds from the request on its topic to the result on another, with the real worker."""
    await stage.place_group(on.kafka, "ingester.sweeps", SweepRequested.TOPIC, at_end=True)
    async with stage.database(on, full.name) as url:
        port = stage.free_port()
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "HTTP_PORT": str(port)}
        with contestant("sweep", "-m", "ingester", "worker", env=env, logs=on.logs) as who:
            if not await until(lambda: answers(port), deadline_s=READY_S_MAX):
                raise BenchError(f"the worker was not ready within {READY_S_MAX:.0f} s; see {who.log}")
            took_s, answer = await _asked(on.kafka)
        if answer.removed != full.articles or answer.kept != full.articles:
            raise BenchError(f"{answer.removed} were removed, {answer.kept} ids kept, of {full.articles}")
        return took_s


async def _asked(kafka: str) -> tuple[float, SweepCompleted]:
    request = _request()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, fetch_max_wait_ms=20)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    async with consumer, producer:
        partitions = load_topics()[SweepAnswer.TOPIC].partitions("local")
        places = [TopicPartition(SweepAnswer.TOPIC, number) for number in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:  # the end offsets must be known before anything is sent
            await consumer.position(place)
        started = time.monotonic()
        await producer.send_and_wait(
            **cloudevents.write(request, uuid4(), "/bench/retention", request.requested_at)
        )
        answer = await asyncio.wait_for(_answer(consumer, request.sweep_id), ANSWER_S_MAX)
        return time.monotonic() - started, answer


async def _answer(consumer: AIOKafkaConsumer, sweep_id: UUID) -> SweepCompleted:
    async for record in consumer:
        kind = dict(record.headers).get("ce_type")
        if record.key == str(sweep_id).encode():
            if kind != SweepCompleted.TYPE.encode():
                raise BenchError(f"the sweep failed: {record.value[:500]!r}")
            return SweepCompleted.model_validate_json(record.value)
    raise BenchError("the topic of results ended")


def _request() -> SweepRequested:
    return SweepRequested(
        sweep_id=uuid4(),
        data_class="articles",
        action=Action.DELETE,
        owners=("ingester",),
        before=BEFORE,
        requested_at=datetime.now(UTC),
        requested_by="bench",
    )
