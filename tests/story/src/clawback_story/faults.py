"""Disasters in a running system with revocations in flight; afterwards the system must recover completely."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import httpx

from clawback_local import Stack
from clawback_local.config import DATABASES
from clawback_local.postgres import programs
from clawback_story import (
    chapters,
    checkers,
    counting,
    health,
    inspection,
    jobs,
    notifications,
    queries,
    sources,
    sweeping,
)
from clawback_story.evidence import Evidence
from clawback_story.problems import Problems
from clawback_story.texts import write_all
from clawback_story.world import FEED, REVOKED_FEED, UPSTREAM, Broken, World

OK = 200
WORKERS = tuple(f"{name}-worker" for name in DATABASES)
SERVICES = (*WORKERS, *(f"{name}-api" for name in DATABASES))
DRAINED_S, READY_S = 60.0, 60.0
OTHERS_REVOKED = 5
TIME_PASSES_EVERY_S = 3.0
PROGRAMS = programs()


async def begin(world: World) -> None:
    """Starts a consumer; ingests articles, runs and sweeps, and stops one part, without other faults."""
    await chapters.a_holder_registers(world)
    await chapters.articles_arrive(world, failing=False)
    await counting.compare(world, "before any fault")
    aged = (await sweeping.old(world)).live
    await world.simulator.revoke(ids=list(aged[: chapters.OLD_REVOKED]), count=OTHERS_REVOKED)
    await jobs.daily_run(world, "the first revocations")
    await health.a_part_is_stopped(world)
    await health.it_is_back(world)
    await sweeping.sweep_old_articles(world)


async def articles(world: World, count: int, *, submitted: int = 0) -> None:
    """Adds articles on the feed and on the submission topic, without waiting for them."""
    await world.simulator.publish(count)
    if submitted:
        await sources.submit(
            world, write_all(world.seed, UPSTREAM, submitted, first=100_000 + len(world.written))
        )
    await sources.poll_well(world, FEED)


async def revoke(world: World, count: int) -> list[str]:
    """Revokes articles at the provider and polls its list, so that notices are in flight. Returns the ids."""
    revoked = await world.simulator.revoke(count=count)
    await sources.poll_well(world, REVOKED_FEED)
    return revoked.ids


async def time_passes(world: World) -> None:
    """Makes notices and orders due to be sent again, as if minutes had passed.

    Rows that a service has locked are skipped: waiting for them could cause a deadlock.
    """
    await world.rows(
        "ingester",
        "UPDATE notice SET next_send_at = now() WHERE notice_id IN"
        " (SELECT notice_id FROM notice WHERE answered_at IS NULL FOR UPDATE SKIP LOCKED) RETURNING notice_id",
    )
    await world.rows(
        "compliance",
        "UPDATE revocation SET next_send_at = now() WHERE seq IN"
        " (SELECT seq FROM revocation WHERE closed_at IS NULL FOR UPDATE SKIP LOCKED) RETURNING seq",
    )


async def drained(world: World, what: str, *, sending_again: bool = False) -> None:
    """Waits until everything is processed, and records how long it took.

    Args:
        world: the running system.
        what: the fault that ended.
        sending_again: whether messages were lost, so that resending must be made due.
    """
    passing = asyncio.create_task(_pass_time(world)) if sending_again else None
    try:
        seconds = await world.until(
            f"everything after {what}", lambda: queries.quiet(world), within_s=DRAINED_S
        )
        seconds += await chapters.until_held(world, f"the consumer after {what}", within_s=DRAINED_S)
        await until_counted(world, f"the counts after {what}")
    finally:
        if passing is not None:
            passing.cancel()
            with suppress(asyncio.CancelledError):
                await passing
    world.history.drained_after_s[what] = seconds


async def until_counted(world: World, what: str) -> None:
    """Waits until analytics holds exactly the articles that it must hold now, by id."""
    expected = await inspection.expectation(world)
    must = expected.held.keys() - expected.swept

    async def exactly() -> bool:
        return await queries.counted_ids(world) == must

    await world.until(what, exactly, within_s=DRAINED_S, every_s=0.25)


async def _pass_time(world: World) -> None:
    while True:
        await asyncio.sleep(TIME_PASSES_EVERY_S)
        await time_passes(world)


async def verify(world: World) -> tuple[Evidence, dict[str, Problems]]:
    """Inspects every store by id. Returns the problems of each checker."""
    await counting.compare(world, f"at {datetime.now(UTC):%H:%M:%S}")
    await notifications.until_all_sent(world)
    evidence = await inspection.gather(world)
    return evidence, {name: check(evidence) for name, check in checkers.ALL.items()}


async def readiness(world: World, names: Sequence[str] = SERVICES) -> dict[str, bool]:
    """Returns whether each process is ready."""
    processes = replicas(world, names)
    addresses = {name: await world.in_thread(world.stack.address, name) for name in processes}
    return {name: await _ready(world.stack, address) for name, address in addresses.items()}


@asynccontextmanager
async def locked(world: World, article_ids: Sequence[str], database: str = "ingester") -> AsyncIterator[None]:
    """Locks articles in a database for the duration of the block."""
    async with world.databases[database].acquire() as connection, connection.transaction():
        await connection.execute(LOCKS[database], article_ids)
        yield


LOCKS = {
    "ingester": "SELECT FROM article WHERE article_id = ANY ($1) ORDER BY article_id FOR UPDATE",
    "analytics": "SELECT FROM facet WHERE article_id = ANY ($1) ORDER BY article_id FOR UPDATE",
}


async def transaction_waits(world: World, database: str = "ingester") -> bool:
    """Whether a transaction waits for a lock in a service's database."""
    waiting = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = $1 AND usename = $1 AND wait_event_type = 'Lock'
    """
    return bool(await world.value(database, waiting, database))


async def _ready(stack: Stack, address: str) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=5, verify=stack.client_context) as http:
        with suppress(httpx.TransportError):
            scheme = "https" if stack.production else "http"
            return (await http.get(f"{scheme}://{address}/readyz")).status_code == OK
    return False


def replicas(world: World, names: Sequence[str]) -> list[str]:
    """Returns all processes of these workers and APIs."""
    return [process for name in names for process in world.stack.processes(name)]


async def pids(world: World) -> dict[str, int]:
    """Returns the process ids; unchanged ids show that no process died."""
    return {name: await world.in_thread(world.stack.pid, name) for name in replicas(world, SERVICES)}


async def none_ready(world: World, names: Sequence[str]) -> None:
    """Waits until these are not ready."""

    async def all_unready() -> bool:
        return not any((await readiness(world, names)).values())

    await world.until(f"{', '.join(names)} not ready", all_unready, within_s=READY_S, every_s=0.25)


class Dump:
    """A backup of a service's database, and its restore."""

    def __init__(self, world: World, database: str = "ingester") -> None:
        self._world = world
        self._name = database
        self._file = world.stack.run_dir / f"{database}.dump.sql"
        self.taken_at = datetime.now(UTC)

    async def take(self) -> None:
        """Creates the backup."""
        await self._run("pg_dump", "--dbname", self._address(self._name), "--file", str(self._file))
        self.taken_at = datetime.now(UTC)

    async def restore(self) -> None:
        """Drops the database and restores it from the backup. Its service must be stopped."""
        await self._world.reconnect()
        drop = f'DROP DATABASE "{self._name}" WITH (FORCE)'
        make = f'CREATE DATABASE "{self._name}" OWNER "{self._name}"'
        close = f'REVOKE ALL ON DATABASE "{self._name}" FROM PUBLIC'
        for statement in (drop, make, close):
            await self._run("psql", "--quiet", "--dbname", self._address("postgres"), "--command", statement)
        await self._run(
            "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", self._address(self._name),
            "--file", str(self._file),
        )  # fmt: skip

    def _address(self, database: str) -> str:
        parts = urlsplit(self._world.stack.env["POSTGRES_URL"])
        return f"postgresql://{parts.username}@{parts.hostname}:{parts.port}/{database}"

    async def _run(self, program: str, *arguments: str) -> None:
        path = shutil.which(program, path=str(PROGRAMS))
        if path is None:
            raise Broken(f"there is no {program} in {PROGRAMS}")
        password = unquote(urlsplit(self._world.stack.env["POSTGRES_URL"]).password or "")
        process = await asyncio.create_subprocess_exec(
            path,
            *arguments,
            env=os.environ | {"PGPASSWORD": password},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise Broken(f"{program} ended with {process.returncode}: {output.decode()[-500:]}")
