"""``pipeline.store``, ``pipeline.batch``, ``pipeline.naive``: from a full topic to stored rows and a filled outbox."""

from dataclasses import dataclass, field

from bench import results, stage
from bench.results import Result
from bench.stage import Stage
from bench.watch import contestant, rate
from clawback_contracts.article.v1 import ArticleSubmitted

NEVER_READ = "feeds: [{name: never-read, kind: revoked}]"
"""A new ingester publishes nothing before its revocations were read, so this one only stores."""
NOWHERE = "http://127.0.0.1:9"


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
        rates.limit.append(await by_hand(on, "limit_store", articles))
        _keep(await worker(on, articles), rates.worker, rss_mb)
        rates.batch.append(await by_hand(on, "plain_batch", articles))
        _keep(await worker(on, articles, publishing=True), rates.publishing, rss_mb)
        rates.naive.append(await by_hand(on, "naive", naive_articles))
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


def _keep(found: tuple[float, float], rates: list[float], rss_mb: list[float]) -> None:
    rates.append(found[0])
    rss_mb.append(found[1])


def _result(name: str, ours: list[float], others: list[float], *, least: float | None = None) -> Result:
    return results.of_pairs(name, "articles/s", list(zip(ours, others, strict=True)), least=least)


async def by_hand(on: Stage, module: str, articles: int) -> float:
    """Runs one of the contestants of this folder."""
    async with stage.database(on) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "GROUP": f"bench-{next(on.numbers)}"}
        with contestant(module, "-m", f"bench.{module}", env=env, logs=on.logs) as who:
            return await rate(who, url, articles)


async def worker(on: Stage, articles: int, *, publishing: bool = False) -> tuple[float, float]:
    """Runs the real worker; it only stores, or also publishes what it stored. Returns its memory in MB too."""
    await stage.place_group(on.kafka, "ingester", ArticleSubmitted.TOPIC)
    async with stage.database(on) as url:
        env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url, "HTTP_PORT": str(stage.free_port())}
        if not publishing:
            feeds = on.logs / "never-read.yaml"
            feeds.write_text(NEVER_READ)
            env |= {"FEEDS": str(feeds), "METABASE_URL": NOWHERE}
        with contestant("worker", "-m", "ingester", "worker", env=env, logs=on.logs) as who:
            found = await rate(who, url, articles)
            return found, who.rss_mb()
