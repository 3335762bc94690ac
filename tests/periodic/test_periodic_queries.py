"""What the loops of a worker, and the paths that are asked for health, read again and again is served by an index.

Each loop of each service runs once on a database of 200,000 rows a table. Every statement that it sends is recorded
with its arguments, and explained: none may scan a large table. A loop that is new is found by itself.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import orjson
import pytest

import alerting.entrypoints.schedules
import alerting.service
import alerting.settings
import analytics.service
import analytics.settings
import compliance.service
import compliance.settings
import ingester.entrypoints.http.api
import ingester.service
import ingester.settings
import retention.service
import retention.settings
from clawback_common.clock import SystemClock
from clawback_common.errors import ClawbackError
from clawback_common.http.probes import Probes
from clawback_common.kafka.envelope import Message
from clawback_common.messaging.outbox import bulk, priority
from clawback_common.messaging.outbox.relay import Relay
from clawback_common.postgres import Database
from clawback_common.service import jobs, leases
from clawback_common.service.api import application
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.work import worker_of
from clawback_contracts.article.v1 import ArticlePublished
from clawback_testing.broker import Broker
from clawback_testing.databases import Databases
from compliance.use_cases import beginning
from ingester.storage import articles
from ingester.storage.contents import Months

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SEEDS = Path(__file__).parent / "seeds"
RUN_S_MAX = 20.0
EXPLAINED = re.compile(r"(\s*--[^\n]*\n)*\s*(SELECT|WITH|INSERT|UPDATE|DELETE|\()", re.IGNORECASE)
NEEDS_PEER = {"compliance": {"controls"}}
"""Such a loop asks another service and reads nothing here."""
BYTES_MIN = 2**20
LARGE = "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND pg_relation_size(oid) > $1"
INDEXES = """
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
    WHERE c.relname = $1 AND c.relkind = 'r' AND NOT i.indisunique
"""
LISTS = (
    "/articles",
    "/articles?language=en&limit=10",
    "/articles?topic=t7&from=2026-01-01",
    "/articles?sentiment_min=50",
    "/articles?place=DE",
    "/articles/search?q=word",
    "/articles/search?q=word 7 language:en NOT topic:t7",
    "/articles/search?q=nothing sentiment:[1 TO 2]",
    "/articles/search?q=topic:t7&sort=relevance&snippets=true",
    "/articles/sample",
    "/articles/export?topic=t7&language=en",
)
"""Lists and searches of articles; each answers from indexes, whatever is common or rare."""
Work = Callable[[], Awaitable[object]]
Parts = tuple[Database, dict[str, Work]]


class Statement(NamedTuple):
    """As it was sent."""

    loop: str
    sql: str
    args: tuple[Any, ...]


class Recorder:
    """Every statement of a service's connections, with the loop that sent it."""

    def __init__(self) -> None:
        self.loop = "start"
        self.statements: dict[tuple[str, str], Statement] = {}

    async def watch(self, connection: Any) -> None:
        """Of a new connection of the pool."""
        connection.add_query_logger(self._log)

    def _log(self, query: Any) -> None:
        found = Statement(self.loop, query.query, tuple(query.args or ()))
        self.statements.setdefault((self.loop, query.query), found)

    async def record(self, name: str, work: Work) -> None:
        """Does it once."""
        self.loop = name
        try:
            await asyncio.wait_for(work(), RUN_S_MAX)
        except (ClawbackError, TimeoutError, httpx.HTTPError) as error:
            print(f"{name}: {error!r}")  # noqa: T201 - shown where the test fails
        await asyncio.sleep(0)  # loggers are called by the event loop
        await asyncio.sleep(0)


class Confirming:
    """A producer that sends nothing."""

    async def send(self, messages: Sequence[Message]) -> list[None]:
        """As if the broker had confirmed them."""
        return [None] * len(messages)


async def _get(app: Any, *paths: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test/api/v1") as client:
        for path in paths:
            answer = await client.get(path)
            assert answer.status_code < 300, (path, answer.text)


async def _obeyed() -> None:
    """Every order is applied."""


def works(definition: ServiceDefinition[Any, Any], service: Any) -> dict[str, Work]:
    """What every worker does: its loops, the relays, tidying, a job."""
    db, clock = service.db, service.clock
    worker = worker_of(definition, service, ShutdownEvent(), 0)
    spec = worker.spec
    relays = [Relay(priority.LANE, db, Confirming(), clock)]  # type: ignore[arg-type]
    if spec.publish is not None:
        relays.append(Relay(bulk.lane(spec.publish), db, Confirming(), clock))  # type: ignore[arg-type]

    async def a_job() -> None:
        async with jobs.run(db, clock, "job 1", cause="schedule"):
            pass
        await jobs.last_done(db)

    async def send() -> None:
        for relay in relays:
            async with leases.held(db, "a relay") as lease:
                assert lease is not None
                await relay.send_some(lease)
            await relay.measure()

    found: dict[str, Work] = {loop.name: loop.work for loop in spec.loops}
    return found | {"relays": send, "tidy": worker._tidy, "a job": a_job}


@asynccontextmanager
async def _ingester() -> AsyncIterator[Parts]:
    definition = ingester.service.SERVICE
    async with definition.open(ingester.settings.Settings()) as opened:
        service = replace(opened, orders_applied=_obeyed)
        await service.months.make_all(service.clock.now() - timedelta(days=31), service.clock.now())
        probes = Probes()
        app = application(definition, service, probes)
        await probes.check()
        found = works(definition, service)
        found["http"] = lambda: _get(app, "/admin/articles/stats", "/ingester/health/detailed", "/feeds")
        found["lists"] = lambda: _get(app, *LISTS)
        found["another log"] = lambda: _look_at_another_log(service.db, found["lost log"])
        yield service.db, found


async def _look_at_another_log(db: Database, look: Work) -> None:
    """As if the topic had been made again since the look before."""
    await db.execute("UPDATE published_log SET topic_id = gen_random_uuid()")
    await look()


@asynccontextmanager
async def _compliance() -> AsyncIterator[Parts]:
    definition = compliance.service.SERVICE
    async with definition.open(compliance.settings.Settings()) as service:
        await beginning.begin(service)
        probes = Probes()
        app = application(definition, service, probes)
        await probes.check()
        found = works(definition, service)
        paths = (
            "/compliance/status",
            "/compliance/health/detailed",
            "/compliance/overdue",
            "/compliance/holders",
            "/compliance/holders/analytics/obligations",
            "/compliance/runs",
        )
        found["http"] = lambda: _get(app, *paths)
        yield service.db, found


@asynccontextmanager
async def _analytics() -> AsyncIterator[Parts]:
    definition = analytics.service.SERVICE
    async with definition.open(analytics.settings.Settings()) as opened:
        service = replace(opened, orders_applied=_obeyed)
        probes = Probes()
        app = application(definition, service, probes)
        await probes.check()
        found = works(definition, service)
        found["http"] = lambda: _get(app, "/analytics/health/detailed")
        yield service.db, found


@asynccontextmanager
async def _alerting() -> AsyncIterator[Parts]:
    definition = alerting.service.SERVICE
    async with definition.open(alerting.settings.Settings()) as service:

        async def send(*_: Any) -> None:
            """It is sent."""

        sends: Any = {"sms": send, "email": send}
        ours = alerting.entrypoints.schedules.loops(service, sends, ShutdownEvent())
        found = works(definition, service)
        yield service.db, found | {loop.name: loop.work for loop in ours}


@asynccontextmanager
async def _retention() -> AsyncIterator[Parts]:
    definition = retention.service.SERVICE
    async with definition.open(retention.settings.Settings()) as service:
        probes = Probes()
        app = application(definition, service, probes)
        await probes.check()
        found = works(definition, service)
        found["http"] = lambda: _get(app, "/retention/health/detailed", "/retention/policies")
        yield service.db, found


SERVICES: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "ingester": (ingester.service.SERVICE.all_migrations, _ingester, ("common", "ingester")),
    "compliance": (compliance.service.SERVICE.all_migrations, _compliance, ("common", "compliance")),
    "analytics": (analytics.service.SERVICE.all_migrations, _analytics, ("analytics",)),
    "alerting": (alerting.service.SERVICE.all_migrations, _alerting, ("alerting",)),
    "retention": (retention.service.SERVICE.all_migrations, _retention, ("retention",)),
}


async def seed(url: str, files: Sequence[str]) -> set[str]:
    """Fills the tables. Gives the names of those that are large now, partitions too."""
    connection = await asyncpg.connect(url)
    tables: set[str] = set()
    try:
        await connection.execute("SET session_replication_role = replica; SET synchronous_commit = off")
        for file in files:
            for part in (SEEDS / f"{file}.sql").read_text().split("-- name: ")[1:]:
                table, _, sql = part.partition("\n")
                await _fill(connection, table, sql)
                tables.add(table)
        await connection.execute("VACUUM ANALYZE")
        rows = await connection.fetch(LARGE, BYTES_MIN)
    finally:
        await connection.close()
    large = {row["name"] for row in rows}
    missing = {table for table in tables if not any(name.startswith(table) for name in large)}
    assert missing == set(), "these are not large"
    return large


async def _fill(connection: Any, table: str, sql: str) -> None:
    """Indexes are built when the rows are there: that takes a third of the time."""
    indexes = await connection.fetch(INDEXES, table)
    for index in indexes:
        await connection.execute(f"DROP INDEX {index['name']}")
    await connection.execute(sql)
    for index in indexes:
        await connection.execute(index["definition"])


def scans(node: Any) -> list[str]:
    """The tables that a plan reads from end to end."""
    found = [node["Relation Name"]] if node["Node Type"] == "Seq Scan" else []
    return found + [table for child in node.get("Plans", ()) for table in scans(child)]


async def large_scans(db: Database, statement: Statement, tables: set[str]) -> list[str]:
    """The large tables, or partitions of one, that a statement scans."""
    plan = await db.fetchval(f"EXPLAIN (FORMAT JSON) {statement.sql}", *statement.args)
    return [one for one in scans(orjson.loads(plan)[0]["Plan"]) if one in tables]


@pytest.mark.parametrize("name", SERVICES)
async def test_no_statement_of_a_loop_scans_a_large_table(
    name: str,
    databases: Databases,
    monkeypatch: pytest.MonkeyPatch,
    kafka_bootstrap: str,
    topics: Broker,
    valkey_url: str,
) -> None:
    migrations, opened, files = SERVICES[name]
    recorder = Recorder()
    create_pool = asyncpg.create_pool
    await topics.commit("a group that nobody registered", {(ArticlePublished.TOPIC, 0): 0})
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(databases.fresh(migrations()))
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("REDIS_URL", valkey_url)
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
        monkeypatch.setattr(
            asyncpg, "create_pool", lambda *args, **more: create_pool(*args, init=recorder.watch, **more)
        )
        db, found = await stack.enter_async_context(opened())
        tables = await seed(url, files)
        left_out = NEEDS_PEER.get(name, set())
        for loop, work in found.items():
            if loop not in left_out:
                await recorder.record(loop, work)
        wrong = [
            f"{statement.loop} scans {', '.join(read)}:\n{statement.sql}"
            for statement in list(recorder.statements.values())
            if EXPLAINED.match(statement.sql) and (read := await large_scans(db, statement, tables))
        ]
        sent = {statement.loop for statement in recorder.statements.values()}
        assert set(found) - sent - left_out == set(), "a loop that sent nothing was not checked"
        assert wrong == [], "\n\n".join(wrong)


async def test_counts_of_large_tables_are_estimated_well(databases: Databases) -> None:
    async with (
        databases.fresh(ingester.service.SERVICE.all_migrations()) as url,
        Database.connect(url, name="test") as db,
    ):
        months = Months(db)
        now = SystemClock().now()
        await months.make_all(now - timedelta(days=31), now)
        await seed(url, ("ingester",))
        found = await articles.counts(db)
        for state, count in {"revoked": 200, "withheld": 200, "embargoed": 200, "live": 199_400}.items():
            assert abs(found[state] - count) <= count * 0.02 + 120, (state, found)
        assert found["swept"] <= 1_000
