"""The daily check: every run is recorded, with any result."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest

from clawback_common.clock import SystemClock
from clawback_common.service.process import ExitCode, ShutdownEvent
from clawback_contracts.holder.v1 import Holding
from clawback_contracts.revocation.v1 import ArticleRevoked
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from clawback_testing.waiting import until
from compliance.storage import runs
from compliance.use_cases.daily_run import Check
from compliance.use_cases.runs import check_started
from compliance.use_cases.watching import beat
from services.compliance.tests.integration.conftest import World
from services.compliance.tests.integration.fake_ingester import FakeIngester

pytestmark = pytest.mark.integration
A, B = "metabase:1", "metabase:2"


def _creating(world: World, *article_ids: str, close: bool) -> Callable[[UUID], object]:
    async def create(poll_id: UUID) -> int:
        await world.revoke(*article_ids, poll_id=poll_id)
        if close:
            await world.close(*(await world.events(ArticleRevoked)))
        return len(article_ids)

    return create


async def test_a_day_without_notices_is_a_completed_run(world: World, check: Check, lines: list[str]) -> None:
    assert await check.asked("schedule", "test") == ExitCode.OK
    (completed,) = await world.events(RunCompleted)
    assert (completed.noticed, completed.closed, completed.open, completed.mock) == (0, 0, 0, True)
    row = await runs.last(world.db)
    assert row is not None
    assert (row["state"], row["outcome"], row["noticed"]) == ("completed", "done", 0)
    assert any("mock" in line for line in lines)


async def test_a_run_is_done_when_all_obligations_of_its_notices_are_closed(
    world: World, fake_ingester: FakeIngester, check: Check, lines: list[str]
) -> None:
    fake_ingester.brings = _creating(world, A, B, close=True)  # type: ignore[assignment]
    assert await check.asked("schedule", "test") == ExitCode.OK
    (completed,) = await world.events(RunCompleted)
    assert (completed.noticed, completed.closed, completed.open, len(completed.poll_ids)) == (2, 4, 0, 1)
    assert "2 of 2 notices recorded, 4 of 4 obligations closed" in lines


async def test_open_obligations_after_the_wait_are_counted_and_need_attention(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    fake_ingester.brings = _creating(world, A, close=False)  # type: ignore[assignment]
    assert await check.asked("schedule", "test") == ExitCode.ATTENTION
    (completed,) = await world.events(RunCompleted)
    assert (completed.noticed, completed.closed, completed.open) == (1, 0, 2)


async def test_a_run_that_counts_nothing_open_explains_its_exclusions_and_the_total(
    world: World, check: Check, http: httpx.AsyncClient
) -> None:
    await world.revoke(A, B, noticed_by="an officer")
    await check.asked("schedule", "test")
    (row,) = (await http.get("/compliance/runs")).json()["items"]
    assert (row["open"], row["open_in_all"]) == (0, 4)
    run = (await http.get(f"/compliance/runs/{row['run_id']}")).json()
    counted = {name: one["value"] for name, one in run["counts"].items()}
    assert counted == {"noticed": 0, "closed": 0, "open": 0, "overdue": 0, "open_in_all": 4}
    assert {one["counted_at"] for one in run["counts"].values()} == {run["ended_at"]}
    assert "an officer's" in run["counts"]["open"]["excludes"]


async def test_a_polled_notice_that_never_arrived_counts_as_open(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    async def never_arrives(_: UUID) -> int:
        return 3

    fake_ingester.brings = never_arrives
    assert await check.asked("schedule", "test") == ExitCode.ATTENTION
    assert (await world.events(RunCompleted))[0].open == 3


async def test_a_notice_of_an_earlier_poll_counts_for_a_later_poll_too(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    notice = world.notice(A, poll_id=uuid4())
    await world.notices(notice)
    await world.close(*(await world.events(ArticleRevoked)))

    async def resend(poll_id: UUID) -> int:
        await world.notices(notice.model_copy(update={"poll_id": poll_id}))
        return 1

    fake_ingester.brings = resend
    assert await check.asked("schedule", "test") == ExitCode.OK


async def test_a_missing_worker_is_reported(
    world: World, fake_ingester: FakeIngester, lines: list[str]
) -> None:
    async def never_arrives(_: UUID) -> int:
        return 1

    fake_ingester.brings = never_arrives
    service = replace(world.service, clock=SystemClock())
    check = Check(service, fake_ingester.ingester(), ShutdownEvent(), lines.append, timedelta(seconds=0.5))
    await check.asked("schedule", "test")
    assert sum("no worker" in line for line in lines) == 1
    lines.clear()
    await beat(service)
    await check.asked("schedule", "test")
    assert not any("no worker" in line for line in lines)


@pytest.mark.parametrize("failing", [502, 503, 401])
async def test_a_failing_provider_is_a_failed_run_and_not_an_empty_result(
    world: World, fake_ingester: FakeIngester, check: Check, failing: int
) -> None:
    fake_ingester.failing = failing
    assert await check.asked("schedule", "test") == ExitCode.RETRY
    (failed,) = await world.events(RunFailed)
    assert str(failing) in failed.error
    assert await world.events(RunCompleted) == []
    assert await runs.last_completed(world.db) is None


async def test_a_poll_that_did_not_catch_up_fails_the_run(fake_ingester: FakeIngester, check: Check) -> None:
    fake_ingester.caught_up = False
    assert await check.asked("schedule", "test") == ExitCode.RETRY


async def test_a_run_without_a_revocation_feed_fails(fake_ingester: FakeIngester, check: Check) -> None:
    fake_ingester.feeds = []
    assert await check.asked("schedule", "test") == ExitCode.RETRY


async def test_a_run_waits_for_a_poll_that_is_answered_later(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    fake_ingester.brings, fake_ingester.accepted = _creating(world, A, close=True), True  # type: ignore[assignment]
    assert await check.asked("schedule", "test") == ExitCode.OK
    assert (await world.events(RunCompleted))[0].noticed == 1


async def test_only_one_of_two_concurrent_runs_executes(
    world: World, fake_ingester: FakeIngester, check: Check, lines: list[str]
) -> None:
    entered, proceed = asyncio.Event(), asyncio.Event()

    async def slow(_: UUID) -> int:
        entered.set()
        await proceed.wait()
        return 0

    fake_ingester.brings = slow
    first = asyncio.create_task(check.asked("schedule", "first"))
    await entered.wait()
    assert await check.asked("schedule", "second") == ExitCode.OK
    assert lines[-1] == "another run is active; nothing to do"
    proceed.set()
    assert await first == ExitCode.OK
    assert await world.db.fetchval("SELECT count(*) FROM run") == 1


async def test_a_run_whose_process_died_is_marked_as_failed_by_the_next(world: World, check: Check) -> None:
    died = uuid4()
    await runs.request(world.db, died, "schedule", "test", world.clock.now(), mock=True)
    assert await check_started(died, world.service)
    assert await check.asked("schedule", "test") == ExitCode.OK
    (failed,) = await world.events(RunFailed)
    assert failed.run_id == died


async def test_a_requested_run_is_executed_once_by_the_worker(world: World, check: Check) -> None:
    run_id = uuid4()
    await runs.request(world.db, run_id, "request", "operator", world.clock.now(), mock=True)
    await check.requested()
    await check.requested()
    assert [completed.run_id for completed in await world.events(RunCompleted)] == [run_id]


async def test_a_stopped_run_is_recorded_as_failed(
    world: World, fake_ingester: FakeIngester, lines: list[str]
) -> None:
    fake_ingester.brings = _creating(world, A, close=False)  # type: ignore[assignment]
    stopping = ShutdownEvent()
    check = Check(world.service, fake_ingester.ingester(), stopping, lines.append, timedelta(minutes=15))
    running = asyncio.create_task(check.asked("schedule", "test"))
    await until(lambda: any("notices recorded" in line for line in lines))
    stopping.set()
    assert await running == ExitCode.RETRY
    assert "stopped before" in (await world.events(RunFailed))[0].error


async def test_an_unexpected_error_is_recorded_as_a_failed_run_without_its_text(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    async def fail(_: UUID) -> int:
        raise ValueError("another provider's text")

    fake_ingester.brings = fail
    with pytest.raises(ValueError, match="another provider"):
        await check.asked("schedule", "test")
    (failed,) = await world.events(RunFailed)
    assert failed.error == "ended by ValueError"


async def test_an_overdue_obligation_of_any_notice_needs_attention(world: World, check: Check) -> None:
    (order,) = await world.revoke(A)
    world.clock.advance(hours=25)
    assert await check.asked("schedule", "test") == ExitCode.ATTENTION
    assert (await world.events(RunCompleted))[0].overdue == 2
    await world.close(order)
    await world.checked("ingester", {A: Holding.GONE})
    assert await check.asked("schedule", "test") == ExitCode.OK


async def test_a_suspended_run_that_lost_its_lease_changes_nothing_when_it_resumes(
    world: World, fake_ingester: FakeIngester, check: Check, lines: list[str]
) -> None:
    async def lose_lease(_: UUID) -> int:
        await world.db.execute(
            "UPDATE lease SET token = token + 1, holder = gen_random_uuid(), until = clock_timestamp()"
        )
        return 0

    fake_ingester.brings = lose_lease
    assert await check.asked("schedule", "first") == ExitCode.ATTENTION
    assert lines[-1] == "FAILED: the lease run was lost to another process"
    assert await world.events(RunCompleted, RunFailed) == []
    assert await world.db.fetchval("SELECT state FROM run") == "running"
    fake_ingester.brings = _creating(world, close=True)  # type: ignore[assignment]
    assert await check.asked("schedule", "second") == ExitCode.OK
    assert len(await world.events(RunCompleted)) == 1
    (died,) = await world.events(RunFailed)
    assert died.error == "its process ended without reporting a result"


async def test_a_run_waits_until_the_lease_of_a_lost_node_expires(world: World, check: Check) -> None:
    await world.db.execute(
        "INSERT INTO lease VALUES ('run', 7, gen_random_uuid(), clock_timestamp() + interval '1 s')"
    )
    async with world.db.session() as lost_node:
        await lost_node.execute("SELECT pg_advisory_lock(hashtext('run'), 7)")
        assert await check.asked("schedule", "test") == ExitCode.OK
        await lost_node.execute("SELECT pg_advisory_unlock(hashtext('run'), 7)")
    assert len(await world.events(RunCompleted)) == 1
