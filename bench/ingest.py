"""``pipeline.ingest``: from the simulator's pages, rendered in advance, to confirmed on ``articles.v1``."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from bench import results, stage
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import GIVE_UP_S, Contestant, contestant
from clawback_local.processes import listens, until
from clawback_simulator.client import SimulatorClient

FEEDS = "feeds:\n  - {name: bench-articles, kind: articles, every: 24h}\n"
"""Polled once, when the worker starts."""
CONFIRMED = """
    SELECT count(*) FROM article
    WHERE EXISTS (SELECT FROM feed_poll WHERE caught_up) AND NOT EXISTS (SELECT FROM outbox_bulk WHERE sent_at IS NULL)
"""
TOOK_S = """
    SELECT extract(epoch FROM (SELECT max(sent_at) FROM outbox_bulk) - (SELECT min(started_at) FROM api_call))::float
"""
"""By the ingester's own records: from its first call to the last article that the broker confirmed."""


async def run(on: Stage, articles: int, rounds: int) -> list[Result]:
    """Runs both alternately, this many rounds."""
    pairs: list[tuple[float, float]] = []
    async with simulator(on, articles) as url:
        for _ in range(rounds):
            limit = await by_hand(on, url, articles)
            ours = await ingester(on, url, articles)
            pairs.append((ours, limit))
            print(f"  limit {limit:,.0f}  ingester {ours:,.0f}", flush=True)
    return [results.of_pairs("pipeline.ingest", "articles/s", pairs, least=0.6)]


@asynccontextmanager
async def simulator(on: Stage, articles: int) -> AsyncIterator[str]:
    """Runs the provider with this many articles on its feed and all pages rendered; yields its address."""
    port = stage.free_port()
    with contestant("simulator", "-m", "clawback_simulator", "--port", str(port), env={}, logs=on.logs):
        if not await until(lambda: listens(port), deadline_s=15):
            raise BenchError("the simulator does not listen")
        async with SimulatorClient(f"http://127.0.0.1:{port}") as client:
            await client.publish(articles)
            await client.prerender()
        yield f"http://127.0.0.1:{port}"


async def by_hand(on: Stage, provider: str, articles: int) -> float:
    """Returns the limit's articles per second."""
    async with stage.database(on) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "METABASE_URL": provider}
        with contestant("limit_ingest", "-m", "bench.limit_ingest", env=env, logs=on.logs) as who:
            code = await asyncio.to_thread(who.process.wait, GIVE_UP_S)
            result = json.loads(who.log.read_text().splitlines()[-1]) if code == 0 else {"articles": 0}
    if result["articles"] != articles:
        raise BenchError(f"limit_ingest did not bring {articles} articles; see {who.log}")
    return float(articles / result["seconds"])


async def ingester(on: Stage, provider: str, articles: int) -> float:
    """Returns the real worker's articles per second."""
    feeds = on.logs / "bench-feeds.yaml"
    await asyncio.to_thread(Path.write_text, feeds, FEEDS)
    async with stage.database(on) as url:
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": on.kafka,
            "DATABASE_URL": url,
            "HTTP_PORT": str(stage.free_port()),
            "METABASE_URL": provider,
            "METABASE_PAUSE_S": "0",
            "FEEDS": str(feeds),
        }
        with contestant("ingester", "-m", "ingester", "worker", env=env, logs=on.logs) as who:
            return articles / await _took_s(who, url, articles)


async def _took_s(who: Contestant, database_url: str, articles: int) -> float:
    connection = await asyncpg.connect(database_url)
    try:
        give_up = time.monotonic() + GIVE_UP_S
        while await connection.fetchval(CONFIRMED) < articles:
            who.must_live()
            if time.monotonic() > give_up:
                raise BenchError(f"the ingester did not publish {articles} articles; see {who.log}")
            await asyncio.sleep(0.25)
        took_s: float = await connection.fetchval(TOOK_S)
        return took_s
    finally:
        await connection.close()
