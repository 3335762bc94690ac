"""Fixtures of integration tests: one Kafka, PostgreSQL and Valkey per session, a new database per test.

The tests of a service define the migrations of its database by overriding the fixture ``migrations``.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
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
    from clawback_testing.s3 import S3


NAMED_BY_MAX = 100
"""Longest parameter, in characters or bytes, that may be part of a test's name."""


def pytest_configure() -> None:
    """Silence structlog, and raise the rate limits: a test sends many requests from one address.

    Structlog's default prints an error with every local variable of every frame, which takes seconds.
    """
    _silence_structlog()
    os.environ.setdefault("RATE_LIMIT_BURST", "100000")


def pytest_collection_finish() -> None:
    """Exclude the loaded modules from garbage collection."""
    tune_gc()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep large parameters out of test names: names go into caches and reports, and some bodies have megabytes."""
    if isinstance(val, bytes | str) and len(val) > NAMED_BY_MAX:
        return f"{argname}-of-{len(val)}"
    return None


def _silence_structlog() -> None:
    structlog.configure(processors=[_drop], logger_factory=structlog.stdlib.LoggerFactory())


def _drop(_logger: object, _method: str, _event: object) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    """Restore the logging configuration after a command that a test runs in this process."""
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    levels = {name: logging.getLogger(name).level for name in (None, *QUIET)}
    yield
    if levels != {name: logging.getLogger(name).level for name in levels}:
        root.handlers = handlers
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.captureWarnings(capture=False)
        _silence_structlog()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """The address of a broker with the contract's topics."""
    with kafka_server() as address:
        yield address


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The admin address of a PostgreSQL 18."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """The address of a Valkey database that tests may empty; Redis has the same protocol."""
    with valkey_server() as url:
        yield url


@pytest.fixture(scope="session")
def databases(postgres_url: str) -> Iterator[Databases]:
    """Creates databases; their templates exist for the session."""
    created = Databases(postgres_url)
    yield created
    with ThreadPoolExecutor(1) as thread:  # does not use the session's own loop
        thread.submit(asyncio.run, created.close()).result()


@pytest.fixture
def migrations() -> Sequence[Migration]:
    """The migrations of a test's database: the common tables; the tests of a service override it."""
    return load("common", COMMON_PACKAGE)


@pytest_asyncio.fixture
async def database_url(databases: Databases, migrations: Sequence[Migration]) -> AsyncIterator[str]:
    """The address of a migrated database for this test alone."""
    async with databases.fresh(migrations) as url:
        yield url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on this database."""
    async with Database.connect(database_url, connections_max=10, name="test") as db:
        yield db


@pytest_asyncio.fixture
async def broker(kafka_bootstrap: str) -> AsyncIterator[Broker]:
    """Access to the broker; topics that it creates are deleted after the test."""
    client = Broker(kafka_bootstrap)
    yield client
    await client.close()


@pytest_asyncio.fixture
async def topics(broker: Broker) -> Broker:
    """The broker, with the contract's topics empty and all groups deleted."""
    await broker.empty()
    return broker


@pytest_asyncio.fixture
async def valkey(valkey_url: str) -> AsyncIterator["Redis"]:
    """A client of an empty Valkey; its address is ``valkey_url``."""
    from redis.asyncio import Redis  # noqa: PLC0415 - most tests do not need it

    async with Redis.from_url(valkey_url) as client:
        await client.flushdb()
        yield client


@pytest_asyncio.fixture
async def compliance(unused_tcp_port: int) -> AsyncIterator["Compliance"]:
    """A fake compliance API. Test databases are older than the log start, because the session's topics are emptied."""
    from clawback_testing.compliance import serve_compliance  # noqa: PLC0415 - most tests do not need it

    async with serve_compliance(unused_tcp_port) as api:
        yield api


@pytest_asyncio.fixture
async def s3(unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["S3"]:
    """A fake S3 server with the bucket ``archive``, as the environment names it; its timeouts are short."""
    from clawback_common.retention import objects  # noqa: PLC0415 - most tests do not need it
    from clawback_testing.s3 import storing  # noqa: PLC0415 - likewise

    timeouts = {"connect_timeout": timedelta(seconds=1), "timeout": timedelta(milliseconds=500)}
    monkeypatch.setattr(objects, "CLIENT", timeouts)
    monkeypatch.setattr(objects, "RETRIES", {"max_retries": 1, "retry_timeout": timedelta(seconds=2)})
    async with storing(unused_tcp_port, monkeypatch.setenv) as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    """A clock that only the test moves."""
    return FakeClock()


@pytest.fixture
def common_settings(
    kafka_bootstrap: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> CommonSettings:
    """The settings of a process that uses this test's broker and database."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_bootstrap)
    monkeypatch.setenv("DATABASE_URL", database_url)
    return CommonSettings()
