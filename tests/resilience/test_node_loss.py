"""A node is lost with a lease of every kind: others take over, and when it is back it changes nothing."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import pytest

import compliance.service
import ingester.service
from clawback_contracts.sweep.v1 import Action, SweepRequested
from clawback_local import postgres
from clawback_local.processes import tied
from clawback_testing.databases import Databases
from clawback_testing.subscribers import ping
from clawback_testing.waiting import until
from tests.resilience import namespaces
from tests.resilience.namespaces import SERVER, Wire, wire
from tests.resilience.node import IN_A_TRANSACTION, OWNER, TIDIED, Node, opened

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(400),
    pytest.mark.skipif(namespaces.missing() is not None, reason=str(namespaces.missing())),
]

ROOT = Path(__file__).parents[2]
TAKEN_OVER_S_MAX = 30.0
BEGUN_S_MAX = 60.0
NODE = "tests.resilience.node"
PORT, PASSWORD = 5432, "of-this-test-alone"
JOBS = {"relay", "sweeper", "run", "feed", TIDIED, IN_A_TRANSACTION}
OWN_RECORDS = {"lease", "feed_poll"}
"""Who holds a lease, and what a pass over a feed records of itself alone."""


@contextmanager
def _server(made: Wire, folder: Path) -> Iterator[str]:
    """A PostgreSQL in its namespace; yields the administrator's address on a socket that has no network in between."""
    folder.chmod(0o777)  # the server's user makes its socket there
    data, user = folder / "data", postgres.user()
    postgres.create(data, PASSWORD, user=user)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {namespaces.NODE}/32 scram-sha-256\n")
    options = (f"-clisten_addresses={SERVER}", f"-cunix_socket_directories={folder}")
    command = tied(*postgres.argv(data, PORT), *options, user=user)
    process = subprocess.Popen(made.within(made.server, *command), cwd="/", stderr=subprocess.DEVNULL)  # noqa: S603 - arguments are ours
    try:
        yield f"postgresql://{postgres.ADMIN}:{PASSWORD}@/postgres?host={folder}&port={PORT}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(data)


def _from_the_node(url: str) -> str:
    """The same database by the network."""
    return url.replace("@/", f"@{SERVER}:{PORT}/").partition("?")[0]


@asynccontextmanager
async def _databases(admin: str) -> AsyncIterator[tuple[str, str]]:
    """The ingester's and compliance's."""

    async def answers() -> bool:
        with suppress(OSError, asyncpg.PostgresError):
            await (await asyncpg.connect(admin)).close()
            return True
        return False

    await until(answers, what="PostgreSQL")
    databases = Databases(admin)
    async with (
        databases.fresh(ingester.service.SERVICE.all_migrations()) as one,
        databases.fresh(compliance.service.SERVICE.all_migrations()) as other,
    ):
        yield one, other


async def _prepare_jobs(node: Node) -> None:
    """To the relay, to the sweeper, and something to tidy; the others find theirs."""
    service = node.ingester
    now = service.clock.now()
    request = SweepRequested(
        sweep_id=uuid4(),
        data_class="job_runs",
        action=Action.DELETE,
        owners=(OWNER,),
        before=datetime(2020, 1, 1, tzinfo=UTC),
        requested_at=now,
        requested_by="test",
    )
    async with service.db.transaction() as tx:
        await service.outbox.put(tx, [ping(number) for number in range(3)])
        await tx.execute(
            "INSERT INTO sweep_task (sweep_id, data_class, action, request, attempt, noted_at, next_at)"
            " VALUES ($1, $2, $3, $4, 1, $5, $5)",
            request.sweep_id,
            request.data_class,
            request.action.value,
            request.model_dump_json(exclude_none=True),
            now - timedelta(minutes=1),
        )
        await tx.execute("CREATE TABLE tidied (what text PRIMARY KEY, by text)")
        await tx.execute("INSERT INTO tidied VALUES ($1, 'nobody'), ($2, 'nobody')", TIDIED, IN_A_TRANSACTION)


def _program() -> tuple[str, ...]:
    """The node's; a known mistake that is planted here is planted there too."""
    if "tests.mutants.planting" not in sys.modules:
        return ("-m", NODE)
    return ("-c", f"import runpy, tests.mutants.planting; runpy.run_module({NODE!r}, run_name='__main__')")


@asynccontextmanager
async def _lost(made: Wire, ingester_url: str, compliance_url: str, wake: Path) -> AsyncIterator[Process]:
    """The process on the other node."""
    urls = (_from_the_node(ingester_url), _from_the_node(compliance_url))
    process = await asyncio.create_subprocess_exec(
        *made.within(made.node, sys.executable, *_program(), *urls, str(wake)),
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _all_print(process: Process, word: str, jobs: set[str]) -> None:
    assert process.stdout is not None
    missing = set(jobs)
    while missing:
        line = (await asyncio.wait_for(process.stdout.readline(), BEGUN_S_MAX)).decode().strip()
        assert line, f"the node ended before it printed {word!r} for {missing}"
        missing -= {job for job in missing if line == f"{job} {word}"}


async def _content(node: Node) -> dict[str, list[str]]:
    """Every row of both databases, by table."""
    found = {}
    for name, db in (("ingester", node.ingester.db), ("compliance", node.compliance.db)):
        tables = await db.fetch(
            "SELECT c.relname AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace"
            " WHERE relkind = 'r' AND nspname = 'public' ORDER BY 1"
        )
        for table in {row["name"] for row in tables} - OWN_RECORDS:
            rows = await db.fetch(f'SELECT t::text AS row FROM "{table}" AS t ORDER BY 1')  # noqa: S608 - a name of ours
            found[f"{name}.{table}"] = [row["row"] for row in rows]
    return found


async def _take_over(node: Node) -> None:
    """Run all jobs, each as soon as its lease is free.

    Raises:
        AssertionError: a lease outlived its holder by too much.
    """
    jobs = {name: asyncio.create_task(job()) for name, job in node.jobs.items()}
    _, late = await asyncio.wait(jobs.values(), timeout=TAKEN_OVER_S_MAX)
    for job in late:
        job.cancel()
    assert {name for name, job in jobs.items() if job in late} == set(), "not taken over within 30 s"
    await asyncio.gather(*jobs.values())


async def test_a_lost_node_is_replaced_within_30_seconds_and_changes_nothing_when_it_is_back() -> None:
    taken_over: dict[str, float] = {}
    lost_at = 0.0

    async def begun(job: str) -> None:
        taken_over[job] = time.monotonic() - lost_at

    with TemporaryDirectory(prefix="clawback-") as name, wire() as made:
        folder = Path(name)
        with _server(made, folder) as admin:
            async with _databases(admin) as urls, opened("successor", *urls, begun) as successor:
                await _prepare_jobs(successor)
                async with _lost(made, *urls, folder / "wake") as node:
                    await _all_print(node, "working", JOBS)
                    made.cut()
                    lost_at = time.monotonic()
                    await _take_over(successor)
                    assert taken_over.keys() == JOBS
                    assert min(taken_over.values()) > 1, "it held no lease"
                    before = await _content(successor)
                    made.reconnect()
                    (folder / "wake").touch()
                    await _all_print(node, "over", set(successor.jobs))
                after = await _content(successor)
    assert before["ingester.tidied"] == [f"({job},successor)" for job in (TIDIED, IN_A_TRANSACTION)]
    assert {table for table in before if before[table] != after[table]} == set()
