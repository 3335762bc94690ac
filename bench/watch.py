"""Contestants as processes, and their timing from outside."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.stage import BenchError
from clawback_local.processes import tied

LOOK_S = 0.01
GIVE_UP_S = 240.0
END_S = 25.0
BEGUN = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM outbox_bulk_id_seq"
"""A cheap query that is ahead of the committed rows by what is in flight."""
STORED = "SELECT least((SELECT count(*) FROM article_content), (SELECT count(*) FROM outbox_bulk))"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A timed process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def must_live(self) -> None:
        """Does nothing while it is running.

        Raises:
            BenchError: it has ended by itself.
        """
        code = self.process.poll()
        if code is not None:
            raise BenchError(f"{self.name} ended with {code}; see {self.log}")

    def rss_mb(self) -> float:
        """Returns its memory in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@contextmanager
def contestant(name: str, *arguments: str, env: Mapping[str, str], logs: Path) -> Iterator[Contestant]:
    """Runs Python with these arguments for the duration of a block; ends at the latest with this process."""
    log = logs / f"bench-{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            tied(sys.executable, *arguments), env={**os.environ, **env}, stdout=out, stderr=out
        )
        try:
            yield Contestant(name, process, log)
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Sends SIGTERM, and SIGKILL after a timeout."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def value(database_url: str, query: str) -> object:
    """Returns the one value of a query."""
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def rate(who: Contestant, database_url: str, articles: int) -> float:
    """Returns the articles per second from the first stored row to the last, with an outbox row for each.

    Raises:
        BenchError: it ended, took too long, or stored something else.
    """
    first, seen = await stored(who, database_url, 1)
    if seen >= articles:
        raise BenchError(f"{who.name} stored {articles} articles at once: there is nothing to time")
    last, _ = await stored(who, database_url, articles)
    return (articles - seen) / (last - first)


async def stored(who: Contestant, database_url: str, articles: int) -> tuple[float, int]:
    """Waits until this many articles are stored; returns when that was, and how many there were then.

    Raises:
        BenchError: it ended or took too long.
    """
    connection = await asyncpg.connect(database_url)
    try:
        give_up = time.monotonic() + GIVE_UP_S
        while time.monotonic() < give_up:
            who.must_live()
            if await connection.fetchval(BEGUN) >= articles:
                there: int = await connection.fetchval(STORED)
                if there >= articles:
                    return time.monotonic(), there
            await asyncio.sleep(LOOK_S)
    finally:
        await connection.close()
    raise BenchError(f"{who.name} has not stored {articles} articles within {GIVE_UP_S:.0f} s; see {who.log}")
