"""The weekly sweep as a job: its output, its counts, its exit code."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from clawback_common.errors import Stop, Transient
from clawback_common.service.process import ShutdownEvent
from clawback_testing.waiting import until
from retention.domain.age import Age
from retention.domain.sweep import Sweep
from retention.entrypoints.commands import holds_command
from retention.storage import answers, policies, sweeps
from retention.use_cases.beginning import begin
from retention.use_cases.sweep_job import SweepJob
from retention.use_cases.sweeps import sweeps_requested
from retention.use_cases.watching import beat
from services.retention.tests.integration.conftest import World

pytestmark = pytest.mark.integration


@pytest.fixture
def lines() -> list[str]:
    """The output of the job."""
    return []


def _job(world: World, lines: list[str], wait_min: float = 15) -> SweepJob:
    return SweepJob(world.service, ShutdownEvent(), lines.append, timedelta(minutes=wait_min))


@asynccontextmanager
async def _running(
    job: SweepJob, data_class: str | None = "articles", *, dry_run: bool = False
) -> AsyncIterator[asyncio.Task[int]]:
    task = asyncio.create_task(job.run(data_class, dry_run=dry_run, cause="test", by="test"))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _requested(world: World) -> list[Sweep]:
    async def some() -> list[Sweep]:
        rows = await world.db.fetch("SELECT sweep_id FROM sweep WHERE state = 'requested'")
        async with world.db.transaction() as tx:
            return list((await sweeps.lock_existing(tx, [row["sweep_id"] for row in rows])).values())

    return await until(some, what="owners are requested")


async def _last_run(world: World) -> tuple[str, str | None]:
    row = await world.db.fetchrow(
        "SELECT outcome, error FROM job_run WHERE outcome <> 'running' ORDER BY started_at DESC, ended_at DESC LIMIT 1"
    )
    assert row is not None
    return row["outcome"], row["error"]


async def test_the_job_waits_for_every_owner_and_reports_each_answer(world: World, lines: list[str]) -> None:
    await beat(world.service)
    await world.hold("metabase:1")
    async with _running(_job(world, lines)) as task:
        (sweep,) = await _requested(world)
        await world.answers(world.completed(sweep, "ingester"))
        await until(lambda: any("ingester found 10" in line for line in lines), what="it is reported")
        assert not task.done()
        await world.answers(world.completed(sweep, "analytics", found=5, removed=5, held=0))
        assert await task == 0
    assert lines[0].startswith(
        "articles: requested from ingester, analytics: delete records dated before 2024-03-01 12:00 UTC, "
        "1 hold in force"
    )
    assert "articles: ingester found 10, 8 removed, 2 held" in lines
    table = [line.split() for line in lines[-3:]]
    assert table == [
        ["class", "owner", "outcome", "found", "removed", "archived", "held", "kept"],
        ["articles", "ingester", "completed", "10", "8", "0", "2", "0"],
        ["articles", "analytics", "completed", "5", "5", "0", "0", "0"],
    ]
    assert "WARNING" not in "".join(lines)
    counts = await world.db.fetchval("SELECT counts ->> 'removed' FROM job_run")
    assert (await _last_run(world), counts) == (("done", None), "13")


async def test_a_failed_owner_needs_attention(world: World, lines: list[str]) -> None:
    async with _running(_job(world, lines), "compliance_records") as task:
        (sweep,) = await _requested(world)
        await world.answers(world.failed(sweep, "compliance"))
        assert await task == 3
    assert "compliance_records: compliance FAILED: the archive is missing" in lines
    assert await _last_run(world) == ("attention", "1 owners failed, 0 did not answer")


async def test_the_job_stops_waiting_at_its_timeout(world: World, lines: list[str]) -> None:
    async with _running(_job(world, lines)) as task:
        (sweep,) = await _requested(world)
        await world.answers(world.completed(sweep, "ingester"))
        await until(lambda: any("ingester found" in line for line in lines), what="one has answered")
        world.clock.advance(minutes=15)
        assert await task == 3
    assert lines[-2].split()[:4] == ["articles", "analytics", "no", "answer"]
    assert lines[-1] == "1 owners did not answer in time; requests are sent again until they do"
    await world.answers(world.completed(sweep, "analytics"))
    assert await world.state(sweep) == "done", "the worker processes it later"


@pytest.mark.parametrize(
    ("heartbeat", "words"), [(False, "never seen"), (True, "last seen 2026-03-01 12:00:00 UTC")]
)
async def test_the_job_warns_when_there_is_no_worker_heartbeat(
    world: World,
    lines: list[str],
    *,
    heartbeat: bool,
    words: str,
) -> None:
    if heartbeat:
        await beat(world.service)
    world.clock.advance(seconds=21)
    assert await _job(world, lines, wait_min=0).run("cache", dry_run=False, cause="test", by="test") == 3
    assert len([line for line in lines if "no worker heartbeat" in line and words in line]) == 1


async def test_only_one_of_two_concurrent_jobs_runs(world: World, lines: list[str]) -> None:
    others: list[str] = []
    async with _running(_job(world, lines)) as task:
        (sweep,) = await _requested(world)
        assert (
            await _job(world, others, wait_min=0).run("articles", dry_run=False, cause="test", by="test") == 0
        )
        assert others == ["another sweep is running; nothing to do"]
        assert await _last_run(world) == ("skipped", "another sweep is running")
        await world.finish(sweep)
        assert await task == 0
    assert await world.db.fetchval("SELECT count(*) FROM sweep") == 1
    async with _running(_job(world, lines)) as task:
        await world.finish(*await _requested(world))
        assert await task == 0, "afterwards the next may run"


async def test_the_job_survives_a_short_database_outage(
    world: World, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> NoReturn:
        raise Transient("the database does not respond")

    async with _running(_job(world, lines)) as task:
        (sweep,) = await _requested(world)
        with monkeypatch.context() as broken:
            broken.setattr(answers, "of_sweeps", unavailable)
            await until(
                lambda: "the database does not respond; waiting" in lines,
                what="it reports what it waits for",
            )
        await world.finish(sweep)
        assert await task == 0
    assert await world.db.fetchval("SELECT count(*) FROM sweep") == 1, "nothing is requested twice"


async def test_a_stopped_job_leaves_the_rest_to_the_worker(world: World, lines: list[str]) -> None:
    job = _job(world, lines)
    async with _running(job) as task:
        await _requested(world)
        job.stopping.set()
        assert await task == 3
    assert "stopped; the requests were sent, and the worker processes the answers" in lines


async def test_a_dry_run_of_all_classes_reports_what_would_be_deleted(world: World, lines: list[str]) -> None:
    async with _running(_job(world, lines), None, dry_run=True) as task:
        requested = await _requested(world)
        assert {sweep.dry_run for sweep in requested} == {True}
        await world.finish(*requested)
        assert await task == 0
    assert "dry run: nothing was deleted; the column removed shows what would be deleted" in lines
    assert len([line for line in lines if line.split()[2:3] == ["completed"]]) == 11


async def test_the_holds_are_listed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    output: Callable[[], str] = lambda: capsys.readouterr().out  # noqa: E731 - read twice
    assert await holds_command(world.service, Namespace(all=False), ShutdownEvent()) == 0
    assert output() == "no holds are in force\n"
    await world.hold("metabase:1", "metabase:2")
    await world.hold(data_class="alerts")
    await world.hold(dated_from=world.clock.now(), data_class="job_runs")
    await holds_command(world.service, Namespace(all=True), ShutdownEvent())
    listed = output()
    assert all(
        words in listed for words in ("2 articles", "everything", "from 2026-03-01 until further notice")
    )
    assert "metabase:1" not in listed


async def test_policies_that_differ_from_the_workers_sweep_nothing(world: World, lines: list[str]) -> None:
    await begin(world.service)
    shorter = {
        name: replace(policy, age=Age(1, "day")) if name == "articles" else policy
        for name, policy in world.service.policies.items()
    }
    other = replace(world.service, policies=shorter)
    job = SweepJob(other, ShutdownEvent(), lines.append, timedelta(minutes=15))
    with pytest.raises(
        Stop, match=r"nothing was swept: .*articles: here \w+ after 1 day by .* in force \w+ after "
    ):
        await job.run(None, dry_run=False, cause="test", by="test")
    assert await world.db.fetchval("SELECT count(*) FROM sweep") == 0
    assert (await _last_run(world))[0] == "failed"

    dry_run = await sweeps_requested(list(shorter.values()), other, by="test", cause="test", dry_run=True)
    assert {sweep.dry_run for sweep in dry_run} == {True}
    assert await world.sweep("articles"), "the policies of the worker"


async def test_a_worker_that_starts_puts_its_policies_in_force(world: World) -> None:
    await begin(world.service)
    kept = {name: policy for name, policy in world.service.policies.items() if name != "articles"}
    await begin(replace(world.service, policies=kept))
    assert set(await policies.in_force(world.db)) == set(kept)
