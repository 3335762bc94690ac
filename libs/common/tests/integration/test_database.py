"""The pool, transactions, migrations and named queries, on a real PostgreSQL."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from clawback_common.errors import Defect, Poison, Stop, Transient
from clawback_common.postgres import Database, Queries
from clawback_common.postgres.migrate import (
    COMMON_PACKAGE,
    Migration,
    Phase,
    load,
    migrate,
    pending,
    require_migrated,
)
from clawback_common.retry import Retry
from clawback_testing.queries import prepare_all

pytestmark = pytest.mark.integration

TWO = [
    Migration("thing", "0001_one.pre.sql", "pre", "CREATE TABLE one (id int PRIMARY KEY)"),
    Migration("thing", "0002_drop.post.sql", "post", "ALTER TABLE one ADD COLUMN x int"),
    Migration("thing", "0003_two.pre.sql", "pre", "CREATE TABLE two (id int); INSERT INTO two VALUES (1)"),
]
PRE: list[Phase] = ["pre"]
ALL: list[Phase] = ["pre", "post"]


async def test_every_named_query_fits_the_migrated_schema(database: Database) -> None:
    for package in ("kafka", "messaging", "messaging.outbox", "service"):
        assert await prepare_all(database, f"clawback_common.{package}") == []


async def test_each_migration_runs_once_in_order_and_by_phase(database: Database) -> None:
    assert await migrate(database, TWO, PRE) == ["thing/0001_one.pre.sql", "thing/0003_two.pre.sql"]
    await require_migrated(database, TWO)  # a pending `post` migration is no reason to refuse
    assert await pending(database, TWO) == [TWO[1]]
    assert await migrate(database, TWO, ALL) == ["thing/0002_drop.post.sql"]
    assert await migrate(database, TWO, ALL) == []


async def test_a_database_with_pending_migrations_is_refused_with_the_command(database: Database) -> None:
    await migrate(database, TWO[:1], ALL)
    with pytest.raises(Stop, match=r"thing/0003_two.pre.sql.*run the role `migrate` of the service first"):
        await require_migrated(database, TWO)


async def test_an_empty_database_has_pending_migrations(database: Database) -> None:
    await database.execute("DROP TABLE schema_migration")
    with pytest.raises(Stop, match="0001_common"):
        await require_migrated(database, load("common", COMMON_PACKAGE))


async def test_a_migration_edited_after_it_ran_is_refused(database: Database) -> None:
    await migrate(database, TWO, ALL)
    edited = [replace(TWO[0], sql=TWO[0].sql + " -- and more"), *TWO[1:]]
    with pytest.raises(Stop, match=r"thing/0001_one.pre.sql was edited"):
        await require_migrated(database, edited)
    with pytest.raises(Stop, match=r"thing/0001_one.pre.sql was edited"):
        await migrate(database, edited, ALL)


async def test_a_failed_migration_changes_nothing(database: Database) -> None:
    broken = Migration("thing", "0004_broken.pre.sql", "pre", "CREATE TABLE four (id int); SELECT 1/0")
    with pytest.raises(Poison):
        await migrate(database, [*TWO, broken], ALL)
    assert await database.fetchval("SELECT to_regclass('four')") is None
    assert await database.fetchval("SELECT to_regclass('two')") is not None
    assert await pending(database, [*TWO, broken]) == [broken]


async def test_concurrent_migrations_run_one_after_the_other(database: Database) -> None:
    slow = [replace(one, sql=f"SELECT pg_sleep(0.1); {one.sql}") for one in TWO]
    ran = await asyncio.gather(*(migrate(database, slow, ALL) for _ in range(3)))
    assert sorted(len(names) for names in ran) == [0, 0, 3]


async def test_a_long_migration_is_not_limited_by_the_pools_timeout(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = [replace(TWO[0], sql="SELECT pg_sleep(1.2)")]
    monkeypatch.setattr("clawback_common.postgres.pool.COMMAND_S_MAX", 0.5)
    async with Database.connect(database_url) as limited:
        with pytest.raises(Transient):
            await limited.execute("SELECT pg_sleep(1.2)")
        first, second = await asyncio.gather(migrate(limited, slow, ALL), migrate(limited, slow, ALL))
    assert sorted((len(first), len(second))) == [0, 1]


async def test_a_migration_releases_its_lock_request_and_retries(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawback_common.postgres.migrate._LOCK_S_MAX", 0.2)
    monkeypatch.setattr(
        "clawback_common.postgres.migrate._LOCKING", Retry(attempts=50, first_delay_ms=200, factor=1)
    )
    await migrate(database, TWO[:1], ALL)
    async with database.transaction() as dump:
        await dump.fetch("SELECT * FROM one")
        migrating = asyncio.create_task(migrate(database, TWO, ALL))
        for _ in range(5):
            await asyncio.sleep(0.1)
            await asyncio.wait_for(database.fetch("SELECT * FROM one"), 1)
        assert not migrating.done()
    assert await asyncio.wait_for(migrating, 10) == ["thing/0002_drop.post.sql", "thing/0003_two.pre.sql"]


async def test_an_index_is_built_concurrently_where_the_file_says_so_and_after_an_interruption_again(
    database: Database,
) -> None:
    indexed = Migration(
        "thing",
        "0004_index.pre.sql",
        "pre",
        "-- concurrently\n-- Why; because.\nDROP INDEX CONCURRENTLY IF EXISTS two_id;\n"
        "CREATE UNIQUE INDEX CONCURRENTLY two_id\n    ON two (id);\n",
    )
    await migrate(database, TWO, ALL)
    await database.execute("INSERT INTO two VALUES (1)")
    with pytest.raises(Poison):
        await migrate(database, [*TWO, indexed], ALL)
    await database.execute("DELETE FROM two")
    assert await migrate(database, [*TWO, indexed], ALL) == ["thing/0004_index.pre.sql"]
    assert await database.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'two_id'::regclass")


def test_migrations_are_found_in_the_order_of_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    names = ["0001_one.pre.sql", "0002_drop.post.sql", "0010_two.pre.sql"]
    package = tmp_path / "numbered_migrations"
    package.mkdir()
    for name in ["__init__.py", "notes.sql", *reversed(names)]:
        (package / name).write_text("")
    found = load("thing", package.name)
    assert [(one.file, one.phase) for one in found] == list(zip(names, ("pre", "post", "pre"), strict=True))
    assert {one.component for one in found} == {"thing"}


async def test_commit_callbacks_run_once_after_the_commit_and_never_after_a_rollback(
    database: Database,
) -> None:
    calls: list[int | None] = []
    await database.execute("CREATE TABLE t (x int)")

    def note() -> None:
        calls.append(None)

    async with database.transaction() as tx:
        await tx.execute("INSERT INTO t VALUES (1)")
        tx.on_commit(note)
        tx.on_commit(note)
        assert calls == []
    assert len(calls) == 1

    async def rolled_back() -> None:
        async with database.transaction() as tx:
            tx.on_commit(note)
            await tx.execute("INSERT INTO t VALUES (2)")
            raise Poison("no")

    with pytest.raises(Poison):
        await rolled_back()
    assert len(calls) == 1
    assert [row["x"] for row in await database.fetch("SELECT x FROM t")] == [1]


@pytest.mark.parametrize(
    ("sql", "arguments", "error"),
    [
        ("SELECT $1::int", (2**40,), Poison),
        ("SELECT $1::text", ("a\0b",), Poison),
        ("SELECT $1::jsonb", ('{"x": "\\u0000"}',), Poison),
        ("SELECT 1 / $1::int", (0,), Poison),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)", (), Transient),
        ("SELECT pg_terminate_backend(pg_backend_pid())", (), Transient),
    ],
)
async def test_driver_errors_are_translated_without_their_text(
    database: Database, sql: str, arguments: tuple[object, ...], error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await database.execute(sql, *arguments)
    assert "a\0b" not in str(caught.value)
    assert str(2**40) not in str(caught.value)
    assert caught.value.__cause__ is None
    assert await database.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(
    ("sqlstate", "error"),
    [
        *((one, Transient) for one in ("08000", "28P01", "3D000", "40001", "40P01", "53100", "53300")),
        *((one, Transient) for one in ("55P03", "57014", "57P03", "58030", "25P03")),
        *((one, Defect) for one in ("25006", "25P02", "42703", "42P01", "42501")),
        *((one, Poison) for one in ("22021", "22003", "23502", "23505", "54000")),
        *((one, asyncpg.PostgresError) for one in ("XX000", "XX001", "0A000", "P0001", "21000", "ZZ123")),
    ],
)
async def test_the_class_of_the_sqlstate_decides_the_error(
    database: Database, sqlstate: str, error: type[Exception]
) -> None:
    fails = f"DO $$ BEGIN RAISE EXCEPTION 'SECRET' USING ERRCODE = '{sqlstate}'; END $$"
    with pytest.raises(error) as caught:
        await database.execute(fails)
    if not isinstance(caught.value, asyncpg.PostgresError):
        assert "SECRET" not in str(caught.value)
        assert isinstance(caught.value, Defect) == (error is Defect)
    if isinstance(caught.value, Poison):
        assert caught.value.sqlstate == sqlstate


async def test_an_invalid_statement_is_a_defect(database: Database) -> None:
    with pytest.raises(Defect, match="SQLSTATE 42703"):
        await database.execute("SELECT no_such_column")


async def test_a_connection_lost_in_mid_transaction_is_transient_and_the_next_one_works(
    database: Database,
) -> None:
    done: list[str] = []

    async def lost() -> None:
        async with database.transaction() as tx:
            tx.on_commit(lambda: done.append("called"))
            pid = await tx.fetchval("SELECT pg_backend_pid()")
            await database.execute("SELECT pg_terminate_backend($1)", pid)
            await tx.execute("SELECT 1")

    with pytest.raises(Transient, match="the database does not respond"):
        await lost()
    assert done == []
    assert await database.fetchval("SELECT 1") == 1


async def test_a_deadlock_is_transient_for_one_of_the_two(database: Database) -> None:
    await database.execute("CREATE TABLE t (id int PRIMARY KEY, x int); INSERT INTO t VALUES (1, 0), (2, 0)")
    both = asyncio.Barrier(2)

    async def crosswise(first: int, second: int) -> str:
        try:
            async with database.transaction() as tx:
                await tx.execute("UPDATE t SET x = x + 1 WHERE id = $1", first)
                await both.wait()
                await tx.execute("UPDATE t SET x = x + 1 WHERE id = $1", second)
        except Transient:
            return "try again"
        return "done"

    assert sorted(await asyncio.gather(crosswise(1, 2), crosswise(2, 1))) == ["done", "try again"]


async def test_a_database_that_is_down_makes_a_process_unready(unused_tcp_port: int) -> None:
    async with Database.connect(f"postgresql://u:p@127.0.0.1:{unused_tcp_port}/d") as unavailable:
        for ask in (unavailable.fetch, unavailable.fetchrow, unavailable.fetchval, unavailable.execute):
            with pytest.raises(Transient, match="the database does not respond"):
                await ask("SELECT 1")


async def test_a_long_wait_for_a_connection_is_transient(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clawback_common.postgres.pool.ACQUIRE_S_MAX", 0.2)
    async with Database.connect(database_url, connections_max=1) as small:
        async with small.session():
            for ask in (small.fetch, small.fetchrow, small.fetchval, small.execute):
                with pytest.raises(Transient, match="the database does not respond"):
                    await ask("SELECT 1")
        assert await small.fetchval("SELECT 1") == 1


async def test_rows_can_be_copied_in(database: Database) -> None:
    await database.execute("CREATE TABLE t (x int, y text)")
    async with database.transaction() as tx:
        await tx.copy("t", ["x", "y"], [(n, str(n)) for n in range(100)])
        row = await tx.fetchrow("SELECT count(*) AS n, sum(x) AS s FROM t")
    assert row is not None
    assert tuple(row) == (100, 4950)


def test_an_unknown_query_is_reported_with_its_file() -> None:
    queries = Queries.load("clawback_common.messaging", "inbox")
    assert set(queries) == {"take"}
    assert len(queries) == 1
    with pytest.raises(KeyError, match=r"no query 'give' in clawback_common.messaging/inbox.sql"):
        queries["give"]


async def test_connections_have_the_application_name(database_url: str) -> None:
    name = f"svc-{uuid4().hex[:6]}"
    async with Database.connect(database_url, name=name) as db:
        assert await db.fetchval("SHOW application_name") == name
        assert await db.fetchval("SHOW timezone") == "UTC"
