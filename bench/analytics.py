"""``pipeline.analytics``, ``pipeline.analytics_batch``: from a full ``articles.v1`` to facets and changed counts."""

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaProducer

from analytics.domain.dimensions import TOTAL
from analytics.service import SERVICE
from bench import results, sample, stage
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import GIVE_UP_S, LOOK_S, Contestant, contestant, value
from clawback_contracts.article.v1 import ArticlePublished

TEMPLATE = "bench_template_analytics"
COUNTED = "SELECT count(*) FROM facet WHERE published_at IS NOT NULL"
ROWS = """
    SELECT md5(string_agg(md5(s::text), '' ORDER BY s::text))
    FROM (
        SELECT v.dimension, v.text, v.label, v.refs, k.digest, r.day, r.articles, r.words
        FROM rollup AS r JOIN value AS v ON v.id = r.value_id JOIN filter_key AS k ON k.id = r.filter_key_id
    ) AS s
"""
"""A hash of all counts, without the ids of values."""
SUM = "SELECT coalesce(sum(articles), 0) FROM rollup WHERE dimension = $1"


@dataclass(slots=True)
class Rates:
    """Articles per second of each contestant, one value per round."""

    worker: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)


async def run(on: Stage, articles: int, rounds: int) -> list[Result]:
    """Runs all of them alternately, this many rounds."""
    await stage.make_template(on, TEMPLATE, SERVICE.all_migrations())
    await publish(on.kafka, articles)
    rates = Rates()
    for _ in range(rounds):
        limit, limit_rows = await by_hand(on, "limit_analytics", articles)
        ours, rows = await worker(on, articles)
        if rows != limit_rows:
            raise BenchError("limit_analytics has counted other things than the worker")
        rates.limit.append(limit)
        rates.worker.append(ours)
        rates.batch.append((await by_hand(on, "plain_analytics", articles))[0])
        print(
            "  " + "  ".join(f"{name} {getattr(rates, name)[-1]:,.0f}" for name in Rates.__slots__),
            flush=True,
        )
    return [
        _result("pipeline.analytics", rates.worker, rates.limit, least=0.8),
        _result("pipeline.analytics_batch", rates.worker, rates.batch, least=1.3),
    ]


def _result(name: str, ours: list[float], others: list[float], *, least: float) -> Result:
    return results.of_pairs(name, "articles/s", list(zip(ours, others, strict=True)), least=least)


async def publish(kafka: str, articles: int) -> None:
    """Publishes this many articles as the ingester does; returns when the broker has confirmed all."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        enable_idempotence=True,
        linger_ms=20,
        max_batch_size=262_144,
    )
    async with producer:
        sent = [await producer.send(**message) for message in sample.published(articles)]
        await asyncio.gather(*sent)


async def by_hand(on: Stage, module: str, articles: int) -> tuple[float, object]:
    """Runs one of the contestants of this folder. Returns its rate, and a hash of the counts."""
    async with stage.database(on, TEMPLATE) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "GROUP": f"bench-{next(on.numbers)}"}
        with contestant(module, "-m", f"bench.{module}", env=env, logs=on.logs) as who:
            return await rate(who, url, articles), await value(url, ROWS)


async def worker(on: Stage, articles: int) -> tuple[float, object]:
    """Runs the real worker. Returns its rate, and a hash of the counts."""
    await stage.place_group(on.kafka, "analytics", ArticlePublished.TOPIC)
    async with stage.database(on, TEMPLATE) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "HTTP_PORT": str(stage.free_port())}
        with contestant("analytics", "-m", "analytics", "worker", env=env, logs=on.logs) as who:
            return await rate(who, url, articles), await value(url, ROWS)


async def rate(who: Contestant, database_url: str, articles: int) -> float:
    """Returns the articles per second from the last poll with none counted to the first with all counted.

    Polls rarely at first, because counting rows slows the contestant down, and often near the end.

    Raises:
        BenchError: it ended, took too long, or counted something else.
    """
    connection = await asyncpg.connect(database_url)
    began = time.monotonic()
    give_up = began + GIVE_UP_S
    try:
        while (now := time.monotonic()) < give_up:
            who.must_live()
            there = await connection.fetchval(COUNTED)
            if there >= articles:
                if await connection.fetchval(SUM, TOTAL.id) != articles:
                    raise BenchError(f"{who.name} has counted something else; see {who.log}")
                return articles / (time.monotonic() - began)
            if not there:
                began = now
            left_s = (articles - there) * (now - began) / there if there else 0.0
            await asyncio.sleep(min(1.0, max(LOOK_S, left_s / 2)))
    finally:
        await connection.close()
    raise BenchError(
        f"{who.name} has not counted {articles} articles within {GIVE_UP_S:.0f} s; see {who.log}"
    )
