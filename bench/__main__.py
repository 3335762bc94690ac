"""``python -m bench``: runs the benchmarks, prints the table, writes ``.run/bench.json``; 1 when a target is missed."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence

from bench import ingest, pipeline, results, stage, starts, takedown
from bench.results import Result
from bench.stage import Stage
from clawback_local import Stack

FAMILIES = ("pipeline", "ingest", "worker", "takedown", "stack")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", choices=FAMILIES, action="append", help="a family; by default all")
    parser.add_argument("--articles", type=int, default=50_000)
    parser.add_argument("--naive-articles", type=int, default=3_000)
    parser.add_argument("--feed-articles", type=int, default=20_000)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--load", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a coordinator that is not there yet is no news
    started = time.monotonic()
    with stage.opened() as on:
        found = asyncio.run(_run(on, chosen))
    results.write(found)
    print(results.table(found))
    print(f"{time.monotonic() - started:.0f} s; {results.FILE}")
    return 1 if any(result.met is False for result in found) else 0


async def _run(on: Stage, chosen: argparse.Namespace) -> list[Result]:
    await stage.prepare(on)
    families = chosen.only or FAMILIES
    found: list[Result] = []
    if "pipeline" in families:
        print(f"· filling the topic with {chosen.articles:,} articles", flush=True)
        await stage.submit(on.kafka, chosen.articles)
        print("· pipeline, articles a second", flush=True)
        found += await pipeline.run(on, chosen.articles, chosen.naive_articles, chosen.rounds)
    if "ingest" in families:
        print(f"· a provider with {chosen.feed_articles:,} articles, articles a second", flush=True)
        found += await ingest.run(on, chosen.feed_articles, chosen.rounds)
    if "worker" in families:
        print("· starts of the worker", flush=True)
        found += await starts.worker(on, chosen.rounds)
    if "takedown" in families:
        print("· takedowns, idle and while a full topic drains", flush=True)
        with Stack(stage.RUN / "stack") as stack:
            found += await takedown.run(on, stack, chosen.samples, chosen.load)
    if "stack" in families:
        print("· start of the stack", flush=True)
        found.append(await asyncio.to_thread(starts.stack))
    return found


if __name__ == "__main__":
    sys.exit(main())
