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


def _bringing(world: World, *article_ids: str, close: bool) -> Callable[[UUID], object]:
    async def brings(poll_id: UUID) -> int:
        await world.revoke(*article_ids, poll_id=poll_id)
        if close:
            await world.close(*(await world.unsent(ArticleRevoked)))
        return len(article_ids)

    return brings


async def test_a_quiet_day_leaves_a_record(world: World, check: Check, lines: list[str]) -> None:
    assert await check.asked("schedule", "test") == ExitCode.OK
    (completed,) = await world.unsent(RunCompleted)
    assert (completed.noticed, completed.closed, completed.open, completed.mock) == (0, 0, 0, True)
    row = await runs.last(world.db)
    assert row is not None
    assert (row["state"], row["outcome"], row["noticed"]) == ("completed", "done", 0)
    assert any("mock" in line for line in lines)


async def test_it_is_done_when_all_that_came_is_closed(
    world: World, fake_ingester: FakeIngester, check: Check, lines: list[str]
) -> None:
    fake_ingester.brings = _bringing(world, A, B, close=True)  # type: ignore[assignment]
    assert await check.asked("schedule", "test") == ExitCode.OK
    (completed,) = await world.unsent(RunCompleted)
    assert (completed.noticed, completed.closed, completed.open, len(completed.poll_ids)) == (2, 4, 0, 1)
    assert "2 of 2 notices recorded, 4 of 4 obligations closed" in lines


async def test_open_obligations_after_the_wait_are_counted_and_need_attention(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    fake_ingester.brings = _bringing(world, A, close=False)  # type: ignore[assignment]
    assert await check.asked("schedule", "test") == ExitCode.ATTENTION
    (completed,) = await world.unsent(RunCompleted)
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


async def test_a_notice_that_was_lost_on_the_way_is_open(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    async def lost(_: UUID) -> int:
        return 3

    fake_ingester.brings = lost
    assert await check.asked("schedule", "test") == ExitCode.ATTENTION
    assert (await world.unsent(RunCompleted))[0].open == 3


async def test_a_notice_that_an_earlier_poll_brought_counts_for_this_one_too(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    notice = world.notice(A, poll_id=uuid4())
    await world.notices(notice)
    await world.close(*(await world.unsent(ArticleRevoked)))

    async def again(poll_id: UUID) -> int:
        await world.notices(notice.model_copy(update={"poll_id": poll_id}))
        return 1

    fake_ingester.brings = again
    assert await check.asked("schedule", "test") == ExitCode.OK


async def test_a_missing_worker_is_reported(
    world: World, fake_ingester: FakeIngester, lines: list[str]
) -> None:
    async def lost(_: UUID) -> int:
        return 1

    fake_ingester.brings = lost
    service = replace(world.service, clock=SystemClock())
    check = Check(service, fake_ingester.ingester(), ShutdownEvent(), lines.append, timedelta(seconds=0.5))
    await check.asked("schedule", "test")
    assert sum("no worker" in line for line in lines) == 1
    lines.clear()
    await beat(service)
    await check.asked("schedule", "test")
    assert not any("no worker" in line for line in lines)


@pytest.mark.parametrize("failing", [502, 503, 401])
async def test_a_failing_provider_is_a_failed_run_and_never_a_quiet_day(
    world: World, fake_ingester: FakeIngester, check: Check, failing: int
) -> None:
    fake_ingester.failing = failing
    assert await check.asked("schedule", "test") == ExitCode.RETRY
    (failed,) = await world.unsent(RunFailed)
    assert str(failing) in failed.error
    assert await world.unsent(RunCompleted) == []
    assert await runs.last_completed(world.db) is None


async def test_a_poll_that_did_not_catch_up_concludes_nothing(
    fake_ingester: FakeIngester, check: Check
) -> None:
    fake_ingester.caught_up = False
    assert await check.asked("schedule", "test") == ExitCode.RETRY


async def test_without_a_feed_of_revocations_nothing_was_checked(
    fake_ingester: FakeIngester, check: Check
) -> None:
    fake_ingester.feeds = []
    assert await check.asked("schedule", "test") == ExitCode.RETRY


async def test_a_poll_that_is_answered_later_is_waited_for(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    fake_ingester.brings, fake_ingester.later = _bringing(world, A, close=True), True  # type: ignore[assignment]
    assert await check.asked("schedule", "test") == ExitCode.OK
    assert (await world.unsent(RunCompleted))[0].noticed == 1


async def test_of_two_simultaneous_runs_one_works_and_the_other_reports_it(
    world: World, fake_ingester: FakeIngester, check: Check, lines: list[str]
) -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_: UUID) -> int:
        entered.set()
        await go_on.wait()
        return 0

    fake_ingester.brings = slowly
    first = asyncio.create_task(check.asked("schedule", "first"))
    await entered.wait()
    assert await check.asked("schedule", "second") == ExitCode.OK
    assert lines[-1] == "another run is active; nothing to do"
    go_on.set()
    assert await first == ExitCode.OK
    assert await world.db.fetchval("SELECT count(*) FROM run") == 1


async def test_a_run_whose_process_died_is_found_by_the_next(world: World, check: Check) -> None:
    dead = uuid4()
    await runs.request(world.db, dead, "schedule", "test", world.clock.now(), mock=True)
    assert await check_started(dead, world.service)
    assert await check.asked("schedule", "test") == ExitCode.OK
    (failed,) = await world.unsent(RunFailed)
    assert failed.run_id == dead


async def test_a_run_that_is_asked_for_is_done_by_the_worker(world: World, check: Check) -> None:
    run_id = uuid4()
    await runs.request(world.db, run_id, "request", "operator", world.clock.now(), mock=True)
    await check.requested()
    await check.requested()
    assert [completed.run_id for completed in await world.unsent(RunCompleted)] == [run_id]


async def test_a_run_that_is_stopped_fails_and_reports_it(
    world: World, fake_ingester: FakeIngester, lines: list[str]
) -> None:
    fake_ingester.brings = _bringing(world, A, close=False)  # type: ignore[assignment]
    stopping = ShutdownEvent()
    check = Check(world.service, fake_ingester.ingester(), stopping, lines.append, timedelta(minutes=15))
    running = asyncio.create_task(check.asked("schedule", "test"))
    await until(lambda: any("notices recorded" in line for line in lines))
    stopping.set()
    assert await running == ExitCode.RETRY
    assert "stopped before" in (await world.unsent(RunFailed))[0].error


async def test_an_unexpected_error_is_a_failed_run_too(
    world: World, fake_ingester: FakeIngester, check: Check
) -> None:
    async def broken(_: UUID) -> int:
        raise ValueError("somebody else's text")

    fake_ingester.brings = broken
    with pytest.raises(ValueError, match="somebody"):
        await check.asked("schedule", "test")
    (failed,) = await world.unsent(RunFailed)
    assert failed.error == "ended by ValueError"


async def test_an_overdue_obligation_of_any_notice_needs_attention(world: World, check: Check) -> None:
    (order,) = await world.revoke(A)
    world.clock.advance(hours=25)
    assert await check.asked("schedule", "test") == ExitCode.ATTENTION
    assert (await world.unsent(RunCompleted))[0].overdue == 2
    await world.close(order)
    await world.checked("ingester", {A: Holding.GONE})
    assert await check.asked("schedule", "test") == ExitCode.OK


async def test_a_run_that_was_taken_over_while_it_froze_changes_nothing_when_it_wakes_up(
    world: World, fake_ingester: FakeIngester, check: Check, lines: list[str]
) -> None:
    async def freezes(_: UUID) -> int:
        await world.db.execute(
            "UPDATE lease SET token = token + 1, holder = gen_random_uuid(), until = clock_timestamp()"
        )
        return 0

    fake_ingester.brings = freezes
    assert await check.asked("schedule", "first") == ExitCode.ATTENTION
    assert lines[-1] == "FAILED: the lease run was lost to another process"
    assert await world.unsent(RunCompleted, RunFailed) == []
    assert await world.db.fetchval("SELECT state FROM run") == "running"
    fake_ingester.brings = _bringing(world, close=True)  # type: ignore[assignment]
    assert await check.asked("schedule", "second") == ExitCode.OK
    assert len(await world.unsent(RunCompleted)) == 1
    (dead,) = await world.unsent(RunFailed)
    assert dead.error == "its process ended without reporting a result"


async def test_a_lease_that_a_lost_node_left_behind_is_waited_for(world: World, check: Check) -> None:
    await world.db.execute(
        "INSERT INTO lease VALUES ('run', 7, gen_random_uuid(), clock_timestamp() + interval '1 s')"
    )
    async with world.db.session() as lost_node:
        await lost_node.execute("SELECT pg_advisory_lock(hashtext('run'), 7)")
        assert await check.asked("schedule", "test") == ExitCode.OK
        await lost_node.execute("SELECT pg_advisory_unlock(hashtext('run'), 7)")
    assert len(await world.unsent(RunCompleted)) == 1
