"""Runs of jobs, recorded in a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from clawback_common.errors import Poison
from clawback_common.http.app import create_app
from clawback_common.http.probes import Probes
from clawback_common.http.routers import jobs_router
from clawback_common.postgres import Database
from clawback_common.service import jobs
from clawback_testing.clock import FakeClock

pytestmark = pytest.mark.integration

SECRET = "the text of somebody else"


@pytest.fixture
def db(database: Database) -> Database:
    """A database with the common tables and no run."""
    return database


async def _only(db: Database) -> jobs.Record:
    (record,) = await jobs.page(db)
    return record


async def test_a_run_is_recorded_while_it_runs_and_when_it_is_done(db: Database, clock: FakeClock) -> None:
    async with jobs.run(db, clock, "poll:main", cause="schedule", subject="cron") as run:
        assert (await _only(db)).outcome == "running"
        run.count(noticed=3, read=10)
        run.count(noticed=1)
        run.retried()
        clock.advance(seconds=5)
    record = await _only(db)
    assert record == jobs.Record(
        id=run.id,
        job="poll:main",
        cause="schedule",
        subject="cron",
        started_at=clock.now() - timedelta(seconds=5),
        ended_at=clock.now(),
        outcome="done",
        counts={"noticed": 4, "read": 10},
        retries=1,
        error=None,
    )


@pytest.mark.parametrize(
    ("error", "reported"),
    [(ValueError(SECRET), "ValueError"), (Poison("bad_date", "at"), "Poison: bad_date: at")],
)
async def test_a_run_that_raises_has_failed_without_the_errors_message(
    db: Database, clock: FakeClock, error: Exception, reported: str
) -> None:
    with pytest.raises(type(error)):
        async with jobs.run(db, clock, "poll", cause="schedule"):
            raise error
    record = await _only(db)
    assert (record.outcome, record.error) == ("failed", reported)


async def test_a_run_that_is_cancelled_is_recorded_as_interrupted(db: Database, clock: FakeClock) -> None:
    async def work() -> None:
        async with jobs.run(db, clock, "poll", cause="schedule"):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    while not await jobs.page(db):  # noqa: ASYNC110 - the state is in the database
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    record = await _only(db)
    assert (record.outcome, record.error) == ("failed", "interrupted")


async def test_a_run_can_need_attention_or_be_skipped(db: Database, clock: FakeClock) -> None:
    async with jobs.run(db, clock, "a", cause="schedule") as run:
        run.needs_attention("two are overdue")
    async with jobs.run(db, clock, "b", cause="schedule") as run:
        run.skipped("nothing was due")
    reported = {record.job: (record.outcome, record.error) for record in await jobs.page(db)}
    assert reported == {"a": ("attention", "two are overdue"), "b": ("skipped", "nothing was due")}


async def _abandon(db: Database, clock: FakeClock, *, exclusive: bool = False) -> None:
    """A run whose process is killed after its start."""
    await jobs._begin(db, clock, jobs.Run("poll"), "schedule", None, exclusive=exclusive)


async def test_the_next_run_finds_one_whose_process_died(db: Database, clock: FakeClock) -> None:
    await _abandon(db, clock)
    clock.advance(seconds=91)
    async with jobs.run(db, clock, "poll", cause="schedule"):
        pass
    done, dead = await jobs.page(db)
    assert (done.outcome, dead.outcome) == ("done", "failed")
    assert (dead.error, dead.ended_at) == ("heartbeat lost", clock.now())


async def test_a_run_with_a_heartbeat_is_not_changed(
    db: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BEAT_S", 0.01)
    async with jobs.run(db, clock, "poll", cause="schedule") as run:
        run.count(read=5)
        clock.advance(seconds=91)
        while (await _only(db)).counts != {"read": 5}:  # noqa: ASYNC110 - the state is in the database
            await asyncio.sleep(0.01)
        async with jobs.run(db, clock, "poll", cause="request"):
            pass
        outcomes = {record.cause: record.outcome for record in await jobs.page(db)}
    assert outcomes == {"schedule": "running", "request": "done"}


async def test_of_two_exclusive_runs_one_works_and_one_is_skipped(db: Database, clock: FakeClock) -> None:
    async with jobs.run(db, clock, "daily", cause="schedule", exclusive=True):
        clock.advance(seconds=1)
        with pytest.raises(jobs.AlreadyRunning, match="daily is already running"):
            async with jobs.run(db, clock, "daily", cause="request", exclusive=True):
                pytest.fail("ran")
        async with jobs.run(db, clock, "other", cause="request", exclusive=True):
            pass
    async with jobs.run(db, clock, "daily", cause="later", exclusive=True):
        pass
    outcomes = {record.cause: record.outcome for record in await jobs.page(db, job="daily")}
    assert outcomes == {"schedule": "done", "request": "skipped", "later": "done"}


async def test_an_exclusive_run_of_a_dead_process_does_not_block_the_next(
    db: Database, clock: FakeClock
) -> None:
    await _abandon(db, clock, exclusive=True)
    clock.advance(seconds=89)
    with pytest.raises(jobs.AlreadyRunning):
        async with jobs.run(db, clock, "poll", cause="schedule", exclusive=True):
            pass
    clock.advance(seconds=2)
    async with jobs.run(db, clock, "poll", cause="schedule", exclusive=True):
        pass


async def test_the_last_success_of_each_job_is_known(db: Database, clock: FakeClock) -> None:
    async with jobs.run(db, clock, "a", cause="schedule"):
        pass
    done_at = clock.now()
    clock.advance(hours=1)
    for job in ("a", "b"):
        with pytest.raises(ValueError, match="x"):
            async with jobs.run(db, clock, job, cause="schedule"):
                raise ValueError("x")
    assert await jobs.last_done(db) == {"a": done_at}


class Settings:
    """Settings of an API without authentication for reads."""

    enable_auth = False
    api_keys_file = None


@pytest.fixture
async def client(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    routers = [jobs_router("thing", db)]
    app = create_app(title="t", version="1", settings=Settings(), probes=Probes(), routers=routers)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield client


async def test_runs_are_listed_in_pages_each_once_newest_first(
    db: Database, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    for number in range(5):
        async with jobs.run(db, clock, f"job-{number}", cause="schedule") as run:
            run.count(read=number)
        clock.advance(seconds=number % 2)
    listed, cursor = list[str](), None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        body = (await client.get("/api/v1/thing/jobs", params=query)).json()
        listed += [item["job"] for item in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    expected = [record.job for record in await jobs.page(db)]
    assert listed == expected
    assert len(set(listed)) == 5


async def test_runs_are_listed_by_job_and_outcome(
    db: Database, clock: FakeClock, client: httpx.AsyncClient
) -> None:
    async with jobs.run(db, clock, "a", cause="schedule"):
        async with jobs.run(db, clock, "b", cause="schedule"):
            pass
        found = (await client.get("/api/v1/thing/jobs", params={"outcome": "running"})).json()["items"]
        assert [(item["job"], item["ended_at"]) for item in found] == [("a", None)]
        assert (await client.get("/api/v1/thing/jobs", params={"job": "c"})).json()["items"] == []
        assert (await client.get("/api/v1/thing/jobs", params={"cursor": "WyJ4IiwieSJd"})).status_code == 422
