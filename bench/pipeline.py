"""``pipeline.store``, ``pipeline.batch``, ``pipeline.naive``: from a full topic to stored rows and a filled outbox."""

from dataclasses import dataclass, field

from bench import results, stage
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import contestant, rate, value
from clawback_contracts.article.v1 import ArticleSubmitted

NEVER_READ = "feeds: [{name: never-read, kind: revoked}]"
"""A new ingester publishes nothing before its revocations were read, so this one only stores."""
NOWHERE = "http://127.0.0.1:9"
ROWS = """
    SELECT md5(string_agg(md5(s::text), '' ORDER BY article_id))
    FROM (
        SELECT a.article_id, a.retention_date, a.source_order, a.source_position, a.state, a.document_hash, c.document,
               c.published_at, c.sentiment, c.word_count, c.terms,
               s.source, s.event_id, s.outcome, o.traceparent
        FROM article AS a
        JOIN article_content AS c USING (article_id)
        JOIN submitted AS s USING (article_id)
        JOIN outbox_bulk AS o ON o.ref = a.article_id
    ) AS s
"""
"""A hash of all stored rows, without what differs from run to run: ids and times of storing."""


@dataclass(slots=True)
class Rates:
    """Articles per second of each contestant, one value per round."""

    worker: list[float] = field(default_factory=list)
    publishing: list[float] = field(default_factory=list)
    limit: list[float] = field(default_factory=list)
    batch: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)


async def run(on: Stage, articles: int, naive_articles: int, rounds: int) -> list[Result]:
    """Runs all of them alternately, this many rounds."""
    rates = Rates()
    rss_mb: list[float] = []
    for _ in range(rounds):
        limit, limit_rows = await by_hand(on, "limit_store", articles)
        ours, rows = await worker(on, articles, rss_mb)
        if rows != limit_rows:
            raise BenchError("limit_store has stored other rows than the worker")
        rates.limit.append(limit)
        rates.worker.append(ours)
        rates.batch.append((await by_hand(on, "plain_batch", articles))[0])
        rates.publishing.append((await worker(on, articles, rss_mb, publishing=True))[0])
        rates.naive.append((await by_hand(on, "naive", naive_articles))[0])
        print(
            "  " + "  ".join(f"{name} {getattr(rates, name)[-1]:,.0f}" for name in Rates.__slots__),
            flush=True,
        )
    return [
        _result("pipeline.store", rates.worker, rates.limit, least=0.8),
        _result("pipeline.batch", rates.worker, rates.batch, least=1.3),
        _result("pipeline.naive", rates.worker, rates.naive, least=15),
        _result("pipeline.store_publishing", rates.publishing, rates.limit),
        results.at_most("worker.rss_mb", max(rss_mb), "MB", 150),
    ]


def _result(name: str, ours: list[float], others: list[float], *, least: float | None = None) -> Result:
    return results.of_pairs(name, "articles/s", list(zip(ours, others, strict=True)), least=least)


async def by_hand(on: Stage, module: str, articles: int) -> tuple[float, object]:
    """Runs one of the contestants of this folder. Returns its rate, and a hash of the rows that it stored."""
    async with stage.database(on) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "GROUP": f"bench-{next(on.numbers)}"}
        with contestant(module, "-m", f"bench.{module}", env=env, logs=on.logs) as who:
            return await rate(who, url, articles), await value(url, ROWS)


async def worker(
    on: Stage, articles: int, rss_mb: list[float], *, publishing: bool = False
) -> tuple[float, object]:
    """Runs the real worker; it only stores, or also publishes what it stored.

    Args:
        on: the servers.
        articles: how many are on the topic.
        rss_mb: gets its memory.
        publishing: whether it also publishes.

    Returns:
        Its rate, and a hash of the rows that it stored.
    """
    await stage.place_group(on.kafka, "ingester", ArticleSubmitted.TOPIC)
    async with stage.database(on) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "HTTP_PORT": str(stage.free_port())}
        if not publishing:
            feeds = on.logs / "never-read.yaml"
            feeds.write_text(NEVER_READ)
            env |= {"FEEDS": str(feeds), "METABASE_URL": NOWHERE}
        with contestant("worker", "-m", "ingester", "worker", env=env, logs=on.logs) as who:
            found = await rate(who, url, articles)
            rss_mb.append(who.rss_mb())
            return found, await value(url, ROWS)
