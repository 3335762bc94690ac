"""``python -m bench``: runs the benchmarks, prints the table, writes the figures; 1 if a target is missed."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import alerts, analytics, ingest, pipeline, reads, results, stage, starts, sweep, takedown
from bench.results import Result
from bench.stage import Stage
from clawback_local import Stack

FAMILIES = ("pipeline", "analytics", "ingest", "worker", "sweep", "alerts", "reads", "takedown", "stack")


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=FAMILIES, action="append", help="a family; by default all")
    parser.add_argument("--rounds", type=int, default=3, help="of each pair, in turn")
    parser.add_argument("--articles", type=int, default=50_000, help="on the topic of the pipeline")
    parser.add_argument("--published-articles", type=int, default=15_000, help="on the topic of analytics")
    parser.add_argument("--naive-articles", type=int, default=3_000, help="for who takes one at a time")
    parser.add_argument("--feed-articles", type=int, default=20_000, help="at the provider")
    parser.add_argument("--samples", type=int, default=300, help="takedowns, idle and again loaded")
    parser.add_argument("--load", type=int, default=100_000, help="articles that drain meanwhile")
    parser.add_argument("--alerts", type=int, default=200, help="each of a condition of its own")
    parser.add_argument("--reads", type=int, default=5_000, help="requests that are limited")
    parser.add_argument("--old-articles", type=int, default=250_000, help="in the month that is swept")
    parser.add_argument("--run", type=Path, default=Path(".run/bench"), help="servers' data and logs")
    parser.add_argument("--out", type=Path, default=Path(".run/bench.json"), help="the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    chosen = options(arguments)
    chosen.only = chosen.only or list(FAMILIES)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a coordinator that is not ready yet
    started = time.monotonic()
    found: list[Result] = []
    for families in (_full_topics, _empty_topics):
        with stage.opened(chosen.run / "servers") as on:
            found += asyncio.run(families(on, chosen))
    if "reads" in chosen.only:
        _say(f"{chosen.reads:,} limited requests")
        found += reads.run(chosen.reads)
    if "takedown" in chosen.only:
        found += _takedowns(chosen)
    if "stack" in chosen.only:
        _say("start of the stack")
        found.append(starts.stack(chosen.run / "warm"))
    results.write(found, chosen.out)
    print(results.table(found))
    print(f"{time.monotonic() - started:.0f} s; {chosen.out}")
    return 1 if any(result.met is False for result in found) else 0


async def _full_topics(on: Stage, chosen: argparse.Namespace) -> list[Result]:
    """Runs what needs the servers only, and fills their topics."""
    await stage.prepare(on)
    found: list[Result] = []
    if "pipeline" in chosen.only:
        _say(f"a topic with {chosen.articles:,} articles: articles a second")
        await stage.submit(on.kafka, chosen.articles)
        found += await pipeline.run(on, chosen.articles, chosen.naive_articles, chosen.rounds)
    return found


async def _empty_topics(on: Stage, chosen: argparse.Namespace) -> list[Result]:
    """Runs what needs a worker with a fresh database, which reads its topics from the start."""
    await stage.prepare(on)
    found: list[Result] = []
    if "analytics" in chosen.only:
        _say(f"a topic with {chosen.published_articles:,} published articles: articles a second")
        found += await analytics.run(on, chosen.published_articles, chosen.rounds)
    if "ingest" in chosen.only:
        _say(f"a provider with {chosen.feed_articles:,} articles: articles a second")
        found += await ingest.run(on, chosen.feed_articles, chosen.rounds)
    if "worker" in chosen.only:
        _say("starts of the worker")
        found += await starts.worker(on, chosen.rounds)
    if "sweep" in chosen.only:
        _say(f"a month of {chosen.old_articles:,} articles goes: articles a second")
        found += await sweep.run(on, chosen.old_articles, chosen.rounds)
    if "alerts" in chosen.only:
        _say(f"{chosen.alerts:,} alerts, five a second")
        found += await alerts.run(on, chosen.alerts)
    return found


def _takedowns(chosen: argparse.Namespace) -> list[Result]:
    """Runs the whole stack, and next to it servers for the hand-written chain."""
    _say("takedowns, idle and while a full topic drains")
    stage.forget(chosen.run / "stack")
    with stage.opened(chosen.run / "servers") as on, Stack(chosen.run / "stack") as stack:
        return asyncio.run(takedown.run(on, stack, chosen.samples, chosen.load))


def _say(line: str) -> None:
    print(f"· {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
