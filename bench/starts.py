"""``worker.ready_s``, ``worker.back_s``, ``stack.warm_s``: the time from a start until work is done, and a restart."""

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from bench import results, stage
from bench.results import Result
from bench.stage import BenchError, Stage
from bench.watch import Contestant, contestant, stored
from clawback_local.processes import answers, until

READY_S_MAX = 60.0
ARTICLES = 60
"""Enough that every partition has some: a restarted worker consumes again when it has stored all of them."""
FIRST = 2_000_000


async def worker(on: Stage, rounds: int) -> list[Result]:
    """Measures start to ready, and SIGKILL to consuming again."""
    ready_s, back_s = [], []
    for number in range(rounds):
        async with stage.database(on) as url:
            env = {"KAFKA_BOOTSTRAP_SERVERS": on.kafka, "DATABASE_URL": url}
            took_s = await _round(on, env, url, 2 * ARTICLES * number)
        ready_s.append(took_s[0])
        back_s.append(took_s[1])
        print(f"  ready {took_s[0]:.2f} s, back {took_s[1]:.2f} s", flush=True)
    return [
        results.at_most("worker.ready_s", statistics.median(ready_s), "s", 3),
        results.at_most("worker.back_s", statistics.median(back_s), "s", 10),
    ]


async def _round(on: Stage, env: Mapping[str, str], url: str, before: int) -> tuple[float, float]:
    """Measures one round with a fresh database, which also processes the records of the rounds ``before``."""
    started = time.monotonic()
    port = stage.free_port()
    with _worker(on, env, port) as first:
        ready_s = await _ready(first, port, started)
        await stage.submit(on.kafka, ARTICLES, FIRST + before)
        await stored(first, url, before + ARTICLES)
        first.process.kill()
        killed = time.monotonic()
        await stage.submit(on.kafka, ARTICLES, FIRST + before + ARTICLES)
        with _worker(on, env, stage.free_port()) as second:
            await stored(second, url, before + 2 * ARTICLES)
            return ready_s, time.monotonic() - killed


def _worker(on: Stage, env: Mapping[str, str], port: int) -> AbstractContextManager[Contestant]:
    return contestant("starts", "-m", "ingester", "worker", env={**env, "HTTP_PORT": str(port)}, logs=on.logs)


async def _ready(who: Contestant, port: int, started: float) -> float:
    if not await until(lambda: answers(port), deadline_s=READY_S_MAX):
        raise BenchError(f"the worker was not ready within {READY_S_MAX:.0f} s; see {who.log}")
    return time.monotonic() - started


def stack(place: Path) -> Result:
    """Measures the second ``make up`` in a folder, with everything set up."""
    local = [sys.executable, "-m", "clawback_local", "--run-dir", str(place)]
    took_s = 0.0
    _do([*local, "reset"])  # its databases may be of an earlier version
    for _ in range(2):
        started = time.monotonic()
        try:
            _do([*local, "up"])
            took_s = time.monotonic() - started
        finally:
            _do([*local, "down"])
    return results.at_most("stack.warm_s", took_s, "s", 25)


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise BenchError(f"{' '.join(command[2:])} failed: {done.stderr[-500:]}")
