"""``takedown.idle``, ``takedown.loaded``: from a notice on Kafka to verified at our stores and answered downstream.

The real chain is a complete stack: all services, the APIs that report holdings, the consumer of the contracts. The
hand-written chain has its own consumer; idle samples alternate between the two.
"""

import asyncio
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from analytics.service import SERVICE
from bench import analytics, by_hand, results, sample, stage
from bench.chain import ANALYTICS, DOWNSTREAM, INGESTER, SAMPLE_S_MAX, Chain, downstream, until_held
from bench.count_by_hand import Words, count
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import BEGUN, contestant
from clawback_contracts import cloudevents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, RevocationNoticed
from clawback_local import Stack
from clawback_local.parts import SUBMISSIONS
from clawback_local.processes import until

FIRST = 1_000_000
"""Numbers of the articles that are taken down start here, separate from those of the load."""
WARM_UP = 10
"""Samples of each chain that do not count: first connections, first partitions."""
GROUP = "bench-downstream"
REAL_ARTICLE = "SELECT article_id FROM revocation WHERE revocation_id = NEW.revocation_id"
BY_HAND_TABLES = """
    CREATE TABLE by_hand_order (article_id text PRIMARY KEY, ordered_at timestamptz NOT NULL);
    CREATE TABLE by_hand_obligation (
        article_id text, holder text, verified_at timestamptz, PRIMARY KEY (article_id, holder)
    );
"""
LOADED_EVERY_S = 0.1
"""The interval of notices under load, regardless of the results of earlier ones."""
WORKER = "ingester-worker"
READ = (
    ("compliance", RevocationNoticed.TOPIC),
    ("compliance", ArticleRemoved.TOPIC),
    (INGESTER, ArticleRevoked.TOPIC),
    (ANALYTICS, ArticleRevoked.TOPIC),
)
"""The groups and topics of the hand-written chain."""


async def run(on: Stage, stack: Stack, samples: int, load: int) -> list[Result]:
    """Measures idle with the limit, then loaded."""
    await stage.prepare(on)
    await stage.make_template(on, analytics.TEMPLATE, SERVICE.all_migrations())
    async with _real(stack, 2 * samples + WARM_UP) as real:
        async with _limit(on, samples + WARM_UP) as limit:
            pairs = await _alternate(real, limit, samples)
        idle = [ours for ours, _ in pairs]
        print(f"  idle {_percentile(idle, 50):.3f} s, p99 {_percentile(idle, 99):.3f} s", flush=True)
        loaded = await _loaded(real, stack, FIRST + WARM_UP + samples, samples, load)
        print(f"  loaded {_percentile(loaded, 50):.3f} s, p99 {_percentile(loaded, 99):.3f} s", flush=True)
    by_hand_s = _percentile([other for _, other in pairs], 50)
    return [
        _of_medians("takedown.idle", idle, by_hand_s, most=2.0),
        results.at_most("takedown.idle.p99", _percentile(idle, 99), "s", 1.0),
        _of_medians("takedown.loaded", loaded, by_hand_s),
        results.at_most("takedown.loaded.p99", _percentile(loaded, 99), "s", 2.0),
    ]


def _percentile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _of_medians(name: str, ours: Sequence[float], limit: float, most: float | None = None) -> Result:
    p50 = _percentile(ours, 50)
    met = None if most is None else p50 / limit <= most
    return Result(name, p50, "s", limit, p50 / limit, f"≤ {most}" if most else "", met)


async def _alternate(real: Chain, limit: Chain, samples: int) -> list[tuple[float, float]]:
    """Alternates between our chain and the hand-written one; the first few of each do not count."""
    pairs = []
    for number in range(FIRST, FIRST + WARM_UP + samples):
        article_id = sample.article_id(number)
        pairs.append((await real.take_down(article_id), await limit.take_down(article_id)))
    return pairs[WARM_UP:]


async def _loaded(real: Chain, stack: Stack, first: int, samples: int, load: int) -> list[float]:
    """Sends notices at a constant rate while the ingester processes a full topic."""
    await asyncio.to_thread(stack.stop, WORKER)
    print(f"  filling the topic with {load:,} articles", flush=True)
    await stage.submit(stack.env["KAFKA_BOOTSTRAP_SERVERS"], load, topic=SUBMISSIONS)
    before = await _stored(stack)
    await asyncio.to_thread(stack.start, WORKER)
    await until(lambda: _more_than(stack, before), deadline_s=SAMPLE_S_MAX)
    async with asyncio.TaskGroup() as tasks:
        taken = []
        for number in range(first, first + samples):
            taken.append(tasks.create_task(real.take_down(sample.article_id(number))))
            await asyncio.sleep(LOADED_EVERY_S)
        drained = await _stored(stack) - before
    if drained >= load:
        print("  the topic was drained before the last sample", flush=True)
    return [task.result() for task in taken]


async def _more_than(stack: Stack, before: int) -> bool:
    return await _stored(stack) > before


async def _stored(stack: Stack) -> int:
    connection = await asyncpg.connect(stack.env["INGESTER_DATABASE_URL"])
    try:
        count: int = await connection.fetchval(BEGUN)
        return count
    finally:
        await connection.close()


@asynccontextmanager
async def _real(stack: Stack, articles: int) -> AsyncIterator[Chain]:
    """Runs the real chain, with this many articles at the ingester and downstream."""
    env = stack.env
    await _register(stack)
    kafka, logs = env["KAFKA_BOOTSTRAP_SERVERS"], stack.paths.logs
    with downstream(kafka, GROUP, stack.run_dir, logs) as store:
        await stage.submit(kafka, articles, FIRST, SUBMISSIONS)
        await until_held(store, map(sample.article_id, range(FIRST, FIRST + articles)))
        async with Chain.watched(kafka, env["COMPLIANCE_DATABASE_URL"], "obligation", REAL_ARTICLE) as chain:
            yield chain


async def _register(stack: Stack) -> None:
    key = await asyncio.to_thread((stack.paths.keys / "operator.key").read_text)
    registration = {
        "name": DOWNSTREAM,
        "kind": "consumer",
        "group": GROUP,
        "purpose": "benchmark",
        "copy_kinds": ["content"],
    }
    async with httpx.AsyncClient(base_url=stack.env["COMPLIANCE_URL"]) as http:
        answer = await http.post(
            "/api/v1/compliance/holders",
            json=registration,
            headers={"Authorization": f"Bearer {key.strip()}"},
        )
    if answer.status_code not in {httpx.codes.OK, httpx.codes.CREATED}:
        raise BenchError(f"the consumer was not registered: {answer.status_code} {answer.text[:300]}")


@asynccontextmanager
async def _limit(on: Stage, articles: int) -> AsyncIterator[Chain]:
    """Runs the hand-written chain, with as many articles, on its own servers."""
    number = next(on.numbers)
    ports = {f"{name}_PORT".upper(): str(stage.free_port()) for name in (INGESTER, ANALYTICS)}
    async with AsyncExitStack() as running:
        url = await running.enter_async_context(stage.database(on))
        counts_url = await running.enter_async_context(stage.database(on, analytics.TEMPLATE))
        await _hold(url, articles)
        await _count(counts_url, articles)
        for role, topic in READ:
            await stage.place_group(on.kafka, f"bench-{number}-{role}-{topic}", topic, at_end=True)
        await stage.place_group(on.kafka, GROUP, ArticlePublished.TOPIC, at_end=True)
        await stage.place_group(on.kafka, GROUP, ArticleRevoked.TOPIC, at_end=True)
        store = running.enter_context(downstream(on.kafka, GROUP, on.logs, on.logs))
        await _publish(on.kafka, articles)
        await until_held(store, map(sample.article_id, range(FIRST, FIRST + articles)))
        for role, database in ((INGESTER, url), (ANALYTICS, counts_url), ("compliance", url)):
            env = {
                "KAFKA_BOOTSTRAP_SERVERS": on.kafka,
                "DATABASE_URL": database,
                "GROUP": f"bench-{number}-{role}",
            }
            running.enter_context(
                contestant(
                    f"by-hand-{role}", "-m", "bench.limit_takedown", role, env=env | ports, logs=on.logs
                )
            )
        yield await running.enter_async_context(
            Chain.watched(on.kafka, url, "by_hand_obligation", "NEW.article_id")
        )


async def _hold(url: str, articles: int) -> None:
    """Stores the articles that are taken down."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(BY_HAND_TABLES)
        now = datetime.now(UTC)
        held = [sample.submission(number, now) for number in range(FIRST, FIRST + articles)]
        await by_hand.store(connection, [by_hand.Submitted(one, one.article_id) for one in held])
    finally:
        await connection.close()


async def _count(url: str, articles: int) -> None:
    """Counts the articles that are taken down."""
    connection = await asyncpg.connect(url)
    try:
        now = datetime.now(UTC)
        held = [sample.publication(number, now) for number in range(FIRST, FIRST + articles)]
        await count(connection, held, Words())
    finally:
        await connection.close()


async def _publish(kafka: str, articles: int) -> None:
    """Publishes the articles that are taken down to the consumer."""
    now = datetime.now(UTC)
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, linger_ms=20) as producer:
        sent = []
        for number in range(FIRST, FIRST + articles):
            published = sample.submission(number, now).model_dump() | {
                "version": 1,
                "after_order": 0,
                "retention_date": now,
                "received_at": now,
            }
            event = ArticlePublished.model_validate(published)
            message = cloudevents.write(event, event_id("bench-published", number), "/bench", now)
            sent.append(await producer.send(**message))
        await asyncio.gather(*sent)
