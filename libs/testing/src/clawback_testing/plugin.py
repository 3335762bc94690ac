"""Fixtures of integration tests: one Kafka, PostgreSQL and Valkey a session, a fresh database a test.

A service's tests say which migrations its database has by a fixture ``migrations`` of their own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn

import pytest
import pytest_asyncio
import structlog

from clawback_common.config.settings import CommonSettings
from clawback_common.postgres import Database
from clawback_common.postgres.migrate import COMMON_PACKAGE, Migration, load
from clawback_common.service.process import tune_gc
from clawback_common.telemetry.logs import QUIET
from clawback_testing.broker import Broker
from clawback_testing.clock import FakeClock
from clawback_testing.databases import Databases
from clawback_testing.servers import kafka_server, postgres_server, valkey_server

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from clawback_testing.compliance import Compliance


NAMED_BY_MAX = 100
"""Characters or bytes of a parameter that may be part of a test's name."""


def pytest_configure() -> None:
    """Structlog's default prints an error with every local variable of every frame, which takes seconds."""
    _be_quiet()


def pytest_collection_finish() -> None:
    """All modules are loaded: the garbage collector need not look at them again and again."""
    tune_gc()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test is not named by a whole body: names go into caches and reports, and some bodies have megabytes."""
    if isinstance(val, bytes | str) and len(val) > NAMED_BY_MAX:
        return f"{argname}-of-{len(val)}"
    return None


def _be_quiet() -> None:
    structlog.configure(processors=[_drop], logger_factory=structlog.stdlib.LoggerFactory())


def _drop(_logger: object, _method: str, _event: object) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sets its logging up; the next test finds it as it was."""
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    levels = {name: logging.getLogger(name).level for name in (None, *QUIET)}
    yield
    if levels != {name: logging.getLogger(name).level for name in levels}:
        root.handlers = handlers
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.captureWarnings(capture=False)
        _be_quiet()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """The address of a broker with the contract's topics."""
    with kafka_server() as address:
        yield address


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """An administrator's address of a PostgreSQL 18."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The address of a Valkey's database, which tests may empty; Redis speaks the same."""
    with valkey_server() as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """Makes fresh databases; their templates last for the session."""
    made = Databases(postgres_url)
    yield made
    with ThreadPoolExecutor(1) as thread:  # the session's own loop, where there is one, is left alone
        thread.submit(asyncio.run, made.close()).result()


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """What has run in a test's database: the plumbing's tables; a service's tests say more."""
    return load("common", COMMON_PACKAGE)


@pytest_asyncio.fixture
async def database_url(databases: Databases, migrations: Sequence[Migration]) -> AsyncIterator[str]:
    """The address of a migrated database of this test alone."""
    async with databases.fresh(migrations) as url:
        yield url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on it."""
    async with Database.connect(database_url, connections_max=10, name="test") as db:
        yield db


@pytest_asyncio.fixture
async def broker(kafka_bootstrap: str) -> AsyncIterator[Broker]:
    """The test's hands on the broker; topics that it makes are deleted with it."""
    hands = Broker(kafka_bootstrap)
    yield hands
    await hands.close()


@pytest_asyncio.fixture
async def topics(broker: Broker) -> Broker:
    """The broker with the contract's topics empty and every group forgotten."""
    await broker.empty()
    return broker


@pytest_asyncio.fixture
async def valkey(valkey_url: str) -> AsyncIterator["Redis"]:
    """A client of an empty Valkey; its address is ``valkey_url``."""
    from redis.asyncio import Redis  # noqa: PLC0415 - most tests need none

    async with Redis.from_url(valkey_url) as client:
        await client.flushdb()
        yield client


@pytest_asyncio.fixture
async def compliance(unused_tcp_port: int) -> AsyncIterator["Compliance"]:
    """For a database that is younger than the log's start, as all are here: the topics of a session are emptied."""
    from clawback_testing.compliance import answering  # noqa: PLC0415 - most tests need none

    async with answering(unused_tcp_port) as listing:
        yield listing


@pytest.fixture
def clock() -> FakeClock:
    """Moves only when the test moves it."""
    return FakeClock()


@pytest.fixture
def common_settings(
    kafka_bootstrap: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> CommonSettings:
    """Of a process that works on this test's broker and database."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return CommonSettings()
