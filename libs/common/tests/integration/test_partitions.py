"""Monthly partitions: created once, dropped without long locks; and maintenance of tables."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from clawback_common.errors import Transient
from clawback_common.postgres import Database, pool
from clawback_common.retention import maintenance, partitions
from clawback_common.retention.partitions import MonthPartitions, empty, wait_for_writers
from clawback_common.retry import Retry
from clawback_contracts.sweep.v1 import Action
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

FIRST = datetime(2020, 1, 1, tzinfo=UTC)


def month(number: int) -> datetime:
    """Return the tenth of a month of 2026."""
    return datetime(2026, number, 10, tzinfo=UTC)


@pytest_asyncio.fixture
async def months(database: Database, monkeypatch: pytest.MonkeyPatch) -> MonthPartitions:
    """Partitions of a table of leaves, with a short lock timeout."""
    monkeypatch.setattr(partitions, "LOCK_MS_MAX", 50)
    monkeypatch.setattr(partitions, "LOCKING", Retry(attempts=3, first_delay_ms=10))
    await database.execute("CREATE TABLE leaf (at timestamptz, n int) PARTITION BY RANGE (at)")
    return MonthPartitions(database, "leaf", FIRST)


@asynccontextmanager
async def held_by(db: Database, statement: str, *args: object) -> AsyncIterator[Any]:
    """Keep a transaction with this statement open during the block."""
    async with db.session() as connection, connection.transaction():
        await connection.execute(statement, *args)
        yield connection


async def names(months: MonthPartitions) -> list[str]:
    return [one.name for one in await months.all() if one.attached]


async def test_months_are_created_once_also_concurrently(months: MonthPartitions) -> None:
    other = MonthPartitions(months._db, "leaf", FIRST)
    await asyncio.gather(*(one.make([month(1), month(2), month(2)]) for one in (months, other)))
    assert await names(months) == ["leaf_2026_01", "leaf_2026_02"]


async def test_no_month_is_created_before_the_first(months: MonthPartitions) -> None:
    await months.make([datetime(1999, 5, 1, tzinfo=UTC)])
    assert await names(months) == []


async def test_a_dropped_month_is_not_created_again(database: Database, months: MonthPartitions) -> None:
    await months.make([month(1), month(2), month(3)])

    async def oldest() -> datetime:
        return month(2)

    for one in await months.over(datetime(2026, 2, 1, tzinfo=UTC)):
        await months.drop(one)
    assert await names(months) == ["leaf_2026_02", "leaf_2026_03"]
    await MonthPartitions(database, "leaf", FIRST, oldest).make([month(1), month(2)])
    assert await names(months) == ["leaf_2026_02", "leaf_2026_03"]


async def test_a_month_is_over_when_its_last_instant_is_old(months: MonthPartitions) -> None:
    await months.make([month(1), month(12)])
    assert [one.start.month for one in await months.over(datetime(2026, 2, 1, tzinfo=UTC))] == [1]
    assert await months.over(datetime(2026, 1, 31, tzinfo=UTC)) == []
    assert len(await months.over(datetime(2027, 1, 1, tzinfo=UTC))) == 2


async def test_a_month_that_is_being_read_is_dropped_later(
    database: Database, months: MonthPartitions
) -> None:
    await months.make([month(1)])
    (old,) = await months.all()
    async with held_by(database, "SELECT * FROM leaf"):
        with pytest.raises(Transient):
            await months.drop(old)
        await asyncio.wait_for(database.fetch("SELECT * FROM leaf"), 5)
    await months.drop(old)
    assert await months.all() == []
    assert await database.fetchval("SHOW lock_timeout") == "0"


async def test_detaching_that_was_interrupted_is_finished(
    database: Database, months: MonthPartitions
) -> None:
    await months.make([month(1), month(2)])
    async with held_by(database, "SELECT * FROM leaf"), database.session() as connection:
        await connection.execute("SET statement_timeout = 200")
        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("ALTER TABLE leaf DETACH PARTITION leaf_2026_01 CONCURRENTLY")
        await connection.execute("RESET statement_timeout")
    first, second = await months.all()
    assert (first.pending, second.pending) == (True, False)
    await months.drop(second)
    assert [(one.name, one.attached) for one in await months.all()] == [("leaf_2026_01", False)]
    (last,) = await months.over(datetime(2027, 1, 1, tzinfo=UTC))
    await months.drop(last)
    assert await months.all() == []


async def test_truncating_does_not_wait_long_for_a_lock(database: Database, months: MonthPartitions) -> None:
    await months.make([month(1)])
    await database.execute("INSERT INTO leaf VALUES ($1, 1)", month(1))
    async with held_by(database, "SELECT * FROM leaf"):
        with pytest.raises(Transient):
            async with database.transaction() as tx:
                await empty(tx, "leaf_2026_01")
    async with database.transaction() as tx:
        await empty(tx, "leaf_2026_01")
    assert await database.fetchval("SELECT count(*) FROM leaf") == 0


async def test_running_writers_are_waited_for_and_later_ones_are_not(
    database: Database, months: MonthPartitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_writers, results = partitions._writers, []

    async def record_writers(*args: Any) -> set[str]:
        results.append(await find_writers(*args))
        return results[-1]

    monkeypatch.setattr(partitions, "_writers", record_writers)
    await months.make([month(1)])
    async with held_by(database, "INSERT INTO leaf VALUES ($1, 1)", month(1)):
        waiting = asyncio.create_task(wait_for_writers(database, "leaf", 0.005))
        await until(lambda: len(results) > 1, what="another query for writers")
        assert all(results)
        assert not waiting.done()
    async with held_by(database, "INSERT INTO leaf VALUES ($1, 2)", month(1)):
        await asyncio.wait_for(waiting, 20)


async def test_the_wait_for_a_writer_is_limited(
    database: Database, months: MonthPartitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "WRITERS_S_MAX", 0.05)
    await months.make([month(1)])
    async with held_by(database, "INSERT INTO leaf VALUES ($1, 1)", month(1)):
        with pytest.raises(Transient, match="writing to leaf"):
            await wait_for_writers(database, "leaf", 0.01)


async def test_vacuum_reports_the_bloat(database: Database, months: MonthPartitions) -> None:
    await _fill(database, months)
    (size,) = await maintenance.run_maintenance(database, ["leaf"], Action.VACUUM)
    assert size.table == "leaf_2026_01"
    assert size.bloat_before > 0.5
    assert size.bytes_after < size.bytes_before
    assert size.bloat_after < size.bloat_before


async def test_a_dry_run_measures_only(database: Database, months: MonthPartitions) -> None:
    await _fill(database, months)
    (size,) = await maintenance.run_maintenance(database, ["leaf"], Action.VACUUM, dry_run=True)
    assert size.bytes_after == size.bytes_before


async def test_the_extension_is_used_where_it_is_installed(
    database: Database, months: MonthPartitions
) -> None:
    await _fill(database, months)
    await database.execute("CREATE EXTENSION pgstattuple")
    (size,) = await maintenance.run_maintenance(database, ["leaf"], Action.ANALYZE)
    assert size.bloat_before > 0.5


async def test_reindexing_drops_the_indexes_of_an_interrupted_run(
    database: Database, months: MonthPartitions
) -> None:
    await months.make([month(1)])
    await database.execute("CREATE TABLE twig (n int PRIMARY KEY)")
    await database.execute("CREATE UNIQUE INDEX twig_pkey_ccnew ON twig (n)")
    await database.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'twig_pkey_ccnew'::regclass"
    )
    sizes = await maintenance.run_maintenance(database, ["leaf", "twig"], Action.REINDEX)
    assert [size.table for size in sizes] == ["leaf_2026_01", "twig"]
    assert await database.fetchval("SELECT count(*) FROM pg_index WHERE indrelid = 'twig'::regclass") == 1


async def _fill(database: Database, months: MonthPartitions) -> None:
    """A month whose rows are mostly dead, and the last ones all."""
    await months.make([month(1)])
    await database.execute("ALTER TABLE leaf_2026_01 SET (autovacuum_enabled = off)")
    await database.execute("INSERT INTO leaf SELECT $1, n FROM generate_series(1, 5000) AS n", month(1))
    await database.execute("DELETE FROM leaf WHERE n > 100")
    await database.execute("SELECT pg_stat_force_next_flush()")


async def test_a_month_is_dropped_with_a_single_connection(
    months: MonthPartitions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ACQUIRE_S_MAX", 1.0)
    await months.make([month(1), month(2)])
    async with Database.connect(database_url, connections_max=1) as small:
        single = MonthPartitions(small, "leaf", FIRST)
        (first, _) = await single.all()
        await asyncio.wait_for(single.drop(first), 10)
    assert await names(months) == ["leaf_2026_02"]
