"""A lease has one holder and expires by the database's clock, and a former holder changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
import pytest_asyncio

from clawback_common.errors import Transient
from clawback_common.postgres import Database, Transaction, pool
from clawback_common.service import leases
from clawback_common.service.leases import Leadership, Lease, LeaseLost, held
from clawback_common.service.process import ShutdownEvent
from clawback_testing.queries import prepare_all
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration

NAME = "sweeps"


async def token(db: Database) -> int | None:
    found: int | None = await db.fetchval("SELECT token FROM lease WHERE name = $1", NAME)
    return found


async def expire(db: Database) -> None:
    """Make the lease look expired."""
    await db.execute("UPDATE lease SET until = clock_timestamp() - interval '1 second'")


@pytest_asyncio.fixture(autouse=True)
async def a_table(database: Database) -> None:
    await database.execute("CREATE TABLE done (by text)")


async def test_every_query_fits_the_schema(database: Database) -> None:
    assert await prepare_all(database, "clawback_common.service") == []


async def test_one_process_holds_it_and_the_others_get_none(database: Database) -> None:
    async with (
        held(database, NAME) as first,
        held(database, NAME) as second,
        held(database, "other") as other,
    ):
        assert first is not None
        assert second is None
        assert other is not None


async def test_it_is_free_at_once_after_a_clean_stop_and_the_token_grows(database: Database) -> None:
    tokens = []
    for _ in range(3):
        async with held(database, NAME) as lease:
            assert lease is not None
            tokens.append(lease.token)
    assert tokens == [1, 2, 3]


async def test_it_is_free_at_once_when_the_session_of_its_holder_ends(database: Database) -> None:
    async with held(database, NAME, duration_s=600) as first:
        assert first is not None
        await database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
        )

        async def acquired() -> bool:
            async with held(database, NAME) as second:
                return second is not None and second.token == 2

        await until(acquired, what="the lease of a killed process")
        with pytest.raises(LeaseLost):
            async with fenced(database, first):
                pass


async def test_it_is_renewed_while_the_block_lasts(database: Database) -> None:
    async with held(database, NAME, duration_s=0.3) as lease:
        assert lease is not None
        for _ in range(10):
            await asyncio.sleep(0.1)
            async with held(database, NAME) as other:
                assert other is None
        lease.require()
        assert await token(database) == 1


@asynccontextmanager
async def fenced(db: Database, lease: Lease) -> AsyncIterator[Transaction]:
    """A transaction that checks the lease as its first statement."""
    async with AsyncExitStack() as stack:
        with lease.fence():
            tx = await stack.enter_async_context(db.transaction())
        yield tx


async def frozen(db: Database, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch) -> Lease:
    """A holder that renews nothing, while its session lasts."""

    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Lease, "keep", never)
        lease = await stack.enter_async_context(held(db, NAME, duration_s=0.3))
    assert lease is not None
    return lease


async def test_a_lease_that_is_not_renewed_expires_and_its_former_holder_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        former = await frozen(database, stack, monkeypatch)
        async with held(database, NAME, patient=True) as now:
            assert now is not None
            with pytest.raises(LeaseLost):
                former.require()
            assert not former.lost.is_set()
            with pytest.raises(LeaseLost):
                async with fenced(database, former) as tx:
                    await tx.execute("INSERT INTO done VALUES ('former')")
            assert former.lost.is_set()
            with former.fence(), pytest.raises(LeaseLost):
                await database.execute("INSERT INTO done VALUES ('former')")
            async with fenced(database, now) as tx:
                await tx.execute("INSERT INTO done VALUES ('now')")
    assert [row["by"] for row in await database.fetch("SELECT by FROM done")] == ["now"]


async def test_it_cannot_be_acquired_during_a_transaction_of_its_holder(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        former = await frozen(database, stack, monkeypatch)
        async with fenced(database, former) as tx:
            await tx.execute("INSERT INTO done VALUES ('former')")
            await expire(database)
            async with held(database, NAME) as other:
                assert other is None
        async with held(database, NAME) as other:
            assert other is not None


async def test_a_transaction_of_its_holder_does_not_delay_the_renewal(database: Database) -> None:
    async with held(database, NAME, duration_s=0.3) as lease:
        assert lease is not None
        async with fenced(database, lease) as tx:
            await asyncio.sleep(0.5)
            await tx.execute("INSERT INTO done VALUES ('holder')")
        assert await database.fetchval("SELECT until > clock_timestamp() FROM lease")


async def test_the_server_ends_a_transaction_that_a_frozen_process_left_open(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(pool._SERVER_SETTINGS, "idle_in_transaction_session_timeout", "300ms")

    async def leave_transaction_open(former: Lease) -> None:
        async with fenced(frozen_db, former) as tx:
            await tx.execute("INSERT INTO done VALUES ('former')")
            async with held(database, NAME, patient=True) as now:
                assert now is not None

    async with Database.connect(database_url) as frozen_db, AsyncExitStack() as stack:
        former = await frozen(frozen_db, stack, monkeypatch)
        with pytest.raises(Transient):
            await leave_transaction_open(former)
    assert await database.fetchval("SELECT count(*) FROM done") == 0


async def test_every_statement_within_a_fence_checks_the_lease(database: Database) -> None:
    async with held(database, NAME) as lease:
        assert lease is not None
        with lease.fence():
            await database.execute("INSERT INTO done VALUES ('in time')")
            await database.execute("UPDATE lease SET token = token + 1 WHERE name = 'nobody'")
        await database.execute("UPDATE lease SET token = token + 1")
        with lease.fence():
            tries = [
                database.execute("INSERT INTO done VALUES ('late')"),
                database.fetch("INSERT INTO done VALUES ('late') RETURNING by"),
                database.fetchrow("INSERT INTO done VALUES ('late') RETURNING by"),
                database.fetchval("INSERT INTO done VALUES ('late') RETURNING by"),
                asyncio.create_task(_session(database)),
            ]
            for one in await asyncio.gather(*tries, return_exceptions=True):
                assert isinstance(one, LeaseLost)
        await database.execute("INSERT INTO done VALUES ('after')")
    assert [row["by"] for row in await database.fetch("SELECT by FROM done")] == ["in time", "after"]


async def _session(db: Database) -> None:
    async with db.session() as connection:
        await connection.execute("INSERT INTO done VALUES ('late')")


async def test_a_fence_in_a_fence_checks_both(database: Database) -> None:
    async with held(database, "outer") as outer, held(database, "inner") as inner:
        assert outer is not None
        assert inner is not None
        await database.execute("UPDATE lease SET token = token + 1 WHERE name = 'outer'")
        with outer.fence(), inner.fence(), pytest.raises(LeaseLost, match="outer"):
            await database.fetchval("SELECT 1")


async def test_the_expiry_uses_the_clock_of_the_database(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        former = await frozen(database, stack, monkeypatch)
        left = await database.fetchval("SELECT until - clock_timestamp() FROM lease")
        assert timedelta() < left <= timedelta(seconds=0.3)
        assert former.token == 1


async def test_a_patient_process_gives_up_when_the_holder_renews(database: Database) -> None:
    async with (
        held(database, NAME, duration_s=0.3),
        held(database, NAME, duration_s=0.3, patient=True) as other,
    ):
        assert other is None


async def test_of_two_processes_one_leads_and_the_other_takes_over_when_it_stops(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LOOK_S", 0.02)
    both, stops = [Leadership(database) for _ in range(2)], [ShutdownEvent() for _ in range(2)]
    tasks = [asyncio.create_task(one.run(stop)) for one, stop in zip(both, stops, strict=True)]

    async def one_leads() -> bool:
        return sum(one.lease is not None for one in both) == 1

    try:
        await until(one_leads, what="a leader")
        leader = 0 if both[0].lease else 1
        stops[leader].set()

        async def other_leads() -> bool:
            return both[1 - leader].lease is not None

        await until(other_leads, what="the other")
        assert both[leader].lease is None
    finally:
        for stop in stops:
            stop.set()
        await asyncio.gather(*tasks)


async def test_a_check_in_a_transaction_without_a_lease_of_ours_fails(database: Database) -> None:
    async with held(database, NAME) as lease:
        assert lease is not None
        await database.execute("UPDATE lease SET holder = gen_random_uuid()")

        async def checked(tx: Transaction) -> None:
            await lease.check(tx)

        with pytest.raises(LeaseLost):
            async with database.transaction() as tx:
                await checked(tx)
