"""Old rows are deleted table by table; a failing table stops no other."""

from datetime import timedelta

import pytest

from clawback_common.config.settings import CommonSettings
from clawback_common.errors import Transient
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention.purging import COMMON, QUARANTINE, Aged, purge
from clawback_common.service.worker import Worker, WorkerSpec
from clawback_testing.clock import FakeClock
from clawback_testing.workers import objects

pytestmark = pytest.mark.integration


async def filled(database: Database, clock: FakeClock) -> None:
    """Three rows per table, one of them recent."""
    await database.execute("CREATE TABLE page (n int, at timestamptz, done boolean)")
    await database.execute(
        "INSERT INTO page SELECT n, $1::timestamptz - n * interval '10 days', n <> 2 FROM generate_series(0, 2) AS n",
        clock.now(),
    )
    await database.execute(
        "INSERT INTO incident (id, kind, detail, opened_at, closed_at)"
        " SELECT gen_random_uuid(), 'k', 'd', $1, $1::timestamptz - n * interval '300 days'"
        " FROM generate_series(0, 2) AS n",
        clock.now(),
    )


async def count_rows(database: Database, table: str) -> int:
    return int(await database.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - names of this test


async def test_old_rows_are_deleted_and_excluded_ones_stay(database: Database, clock: FakeClock) -> None:
    await filled(database, clock)
    await purge(database, [Aged("page", "at", timedelta(days=5), "done")], clock.now())
    assert [row["n"] for row in await database.fetch("SELECT n FROM page ORDER BY n")] == [0, 2]


async def test_a_table_that_fails_stops_no_other(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(database, clock)
    execute = database.execute

    async def failing(sql: str, *args: object) -> str:
        if "outbox" in sql or "quarantine" in sql:
            raise Transient("it takes longer than a minute")
        return await execute(sql, *args)

    monkeypatch.setattr(database, "execute", failing)
    spec = WorkerSpec([], purges=[QUARANTINE, Aged("page", "at", timedelta(days=5))])
    service = objects(CommonSettings(), database, clock, PriorityOutbox())
    await Worker("svc", service, spec, [], 0)._tidy()
    assert (await count_rows(database, "incident"), await count_rows(database, "page")) == (2, 1)
    assert COMMON[0].table == "outbox_priority", "the first that fails"
