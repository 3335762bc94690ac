"""Disasters with revocations on their way. After each, truth is compared with every store by id."""

import asyncio
import os
import signal
from dataclasses import dataclass
from functools import partial

import pytest

from clawback_story import counting, faults, health, inspection, jobs, notifications, queries
from clawback_story.faults import Dump
from clawback_story.operation_checkers import MAIL, OFFICER, SMS
from clawback_story.world import METABASE, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

NEW, SUBMITTED, REVOKED = 300, 200, 60
PROBES_S = 3.0
"""Longer than the interval at which a process runs its own checks."""
TEST_ALERT = sorted([(MAIL, OFFICER[MAIL]), (SMS, OFFICER[SMS]), (MAIL, "operators@clawback.example")])
"""Everybody that the routes file can reach."""


async def no_problems(world: World) -> None:
    """No checker finds a problem, and every fault happened with work in flight."""
    _, problems = await faults.verify(world)
    assert {name: found for name, found in problems.items() if found} == {}


@pytest.mark.parametrize("worker", ["ingester-worker", "compliance-worker", "analytics-worker"])
async def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(world: World, worker: str) -> None:
    storing = asyncio.create_task(faults.articles(world, NEW, submitted=SUBMITTED))
    await faults.revoke(world, REVOKED)
    counted = await world.value("analytics", queries.COUNTED)
    begun = (
        partial(_counts_more, world, counted) if worker == "analytics-worker" else partial(_in_hand, world)
    )
    await world.until("work in hand", begun, within_s=20, every_s=0.005)
    open_work = await queries.in_flight(world)
    if worker == "analytics-worker":  # its work is the articles that it has not counted yet
        open_work = counted + NEW - await world.value("analytics", queries.COUNTED)
    world.broke(f"SIGKILL of {worker}", open_work)
    await world.in_thread(world.stack.kill, worker)
    await storing
    await world.in_thread(world.stack.wait_ready, worker)
    await faults.drained(world, f"SIGKILL of {worker}")
    await no_problems(world)


async def test_alerting_killed_with_messages_due_sends_each_once(world: World) -> None:
    before = set(notifications.read(world.stack.run_dir))
    workers = world.stack.processes("alerting-worker")
    for worker in workers:
        os.kill(await world.in_thread(world.stack.pid, worker), signal.SIGSTOP)
    answer = await world.alerting.post("/health/test-alert", headers=world.key("operator"))
    assert answer.status_code == 202
    due = await world.value("alerting", "SELECT count(*) FROM message WHERE sent_at IS NULL")
    assert due == len(TEST_ALERT)
    for worker in workers:
        await world.in_thread(world.stack.kill, worker)
    await world.in_thread(world.stack.wait_ready, *workers)
    await notifications.until_all_sent(world)
    sent = set(notifications.read(world.stack.run_dir)) - before
    assert sorted((one.by, one.to) for one in sent) == TEST_ALERT


async def test_retention_killed_with_a_sweep_open_closes_it(world: World) -> None:
    await world.stop("analytics-worker")
    sweeping = asyncio.create_task(
        jobs.job(world, "retention", "sweep", "--class", "job_runs", "--wait", "2", why="an owner is away")
    )
    await world.until("the other owners", lambda: _answers(world, 4), within_s=30)
    await health.until(world, "while analytics-worker is stopped", health.DEGRADED, "analytics")
    await world.in_thread(world.stack.kill, "retention-worker")
    await world.start("analytics-worker")
    seen = await sweeping
    assert seen.exit_code == 0, seen.lines
    await world.in_thread(world.stack.wait_ready)
    await health.until(world, "after analytics-worker is back", health.HEALTHY, "")
    closed = "SELECT state FROM sweep WHERE data_class = 'job_runs' ORDER BY requested_at DESC LIMIT 1"
    assert await world.value("retention", closed) == "done"
    await no_problems(world)


async def test_everything_works_while_valkey_is_down(world: World) -> None:
    before = await faults.pids(world)
    await world.in_thread(world.stack.stop, "valkey")
    storing = asyncio.create_task(faults.articles(world, NEW, submitted=SUBMITTED))
    await faults.revoke(world, REVOKED)
    world.broke("Valkey away", await queries.in_flight(world))
    await storing
    await faults.drained(world, "revocations without the cache")
    await counting.compare(world, "without the cache, after revocations")
    await health.until(world, "while valkey is away", health.DEGRADED, "cache")
    await world.in_thread(world.stack.start, "valkey")
    await health.until(world, "after valkey came back", health.HEALTHY, "")
    assert await faults.pids(world) == before
    await no_problems(world)


async def test_a_consumer_killed_in_the_middle_of_a_batch_answers_again(world: World) -> None:
    storing = asyncio.create_task(faults.articles(world, NEW))
    await faults.revoke(world, REVOKED)
    await world.until("work in hand", lambda: _in_hand(world), within_s=20, every_s=0.005)
    await world.downstream.stop(signal.SIGKILL)
    world.broke("SIGKILL of the consumer", await queries.in_flight(world))
    await storing
    await world.downstream.start()
    await faults.drained(world, "SIGKILL of the consumer")
    await no_problems(world)


@dataclass(frozen=True)
class Restored:
    """A store of ours whose database is set back."""

    name: str
    held: str
    """How many of these it holds."""


INGESTER = Restored("ingester", "SELECT count(*) FROM article_content WHERE article_id = ANY ($1)")
ANALYTICS = Restored(
    "analytics", "SELECT count(*) FROM facet WHERE article_id = ANY ($1) AND published_at IS NOT NULL"
)


@pytest.mark.parametrize(
    "store",
    [
        pytest.param(INGESTER, id="ingester"),
        pytest.param(ANALYTICS, id="analytics", marks=pytest.mark.disaster),
    ],
)
async def test_a_restored_store_converges_before_it_serves(world: World, store: Restored) -> None:
    name, worker, api = store.name, f"{store.name}-worker", f"{store.name}-api"
    dump = Dump(world, name)
    await faults.articles(world, NEW)
    await faults.drained(world, "more articles")
    await dump.take()
    expected = await inspection.expectation(world)
    revoked = await faults.revoke(world, REVOKED)
    world.broke(f"restore of the database of {name}", await queries.in_flight(world))
    await faults.drained(world, "revocations after the dump")
    for process in (worker, api):
        await world.stop(process)
    await dump.restore()
    ids = sorted({f"{METABASE}:{one}" for one in revoked} & expected.held.keys() - expected.swept)
    assert len(ids) > REVOKED / 2
    assert await world.value(name, store.held, ids) == len(ids), (
        "the dump was taken too late to mean anything"
    )
    async with faults.locked(world, ids, name):  # so that it cannot be quicker than our look at it
        starting = asyncio.create_task(world.start(worker))
        await world.until("the lane of orders", lambda: faults.transaction_waits(world, name), within_s=30)
        await asyncio.sleep(PROBES_S)
        assert not any((await faults.readiness(world, [worker])).values())
    await starting
    assert await world.value(name, store.held, ids) == 0, "ready, and still holding what is revoked"
    await world.start(api)
    await faults.drained(world, f"restore of the database of {name}")
    await no_problems(world)


async def test_kafka_may_lose_everything_with_revocations_open(world: World) -> None:
    await faults.drained(world, "what came before")
    await world.downstream.stop()
    await faults.revoke(world, REVOKED)
    await world.until("orders for an absent consumer", lambda: _only_the_consumer_owes(world), within_s=30)
    await world.stop("compliance-worker")
    await faults.revoke(world, REVOKED)
    await world.until("notices sent", lambda: _notices_sent(world), within_s=30)
    await world.forget_producer()
    unanswered = await world.value("ingester", queries.UNANSWERED)
    assert unanswered == REVOKED
    world.broke("Kafka's data wiped", await queries.in_flight(world))
    await world.in_thread(world.stack.wipe, "kafka")
    await world.start("compliance-worker")
    await world.in_thread(world.stack.wait_ready)
    await world.downstream.start()
    await faults.drained(world, "Kafka's data wiped", sending_again=True)
    await faults.articles(world, NEW, submitted=SUBMITTED)
    await faults.drained(world, "articles on the new log")
    await no_problems(world)


async def _answers(world: World, count: int) -> bool:
    newest = "SELECT sweep_id FROM sweep WHERE data_class = 'job_runs' ORDER BY requested_at DESC LIMIT 1"
    answers = await world.value("retention", f"SELECT count(*) FROM sweep_answer WHERE sweep_id = ({newest})")  # noqa: S608 - our own words
    return bool(answers >= count)


async def _counts_more(world: World, than: int) -> bool:
    return bool(await world.value("analytics", queries.COUNTED) > than)


async def _in_hand(world: World) -> bool:
    return await queries.in_flight(world) > 0


async def _only_the_consumer_owes(world: World) -> bool:
    open_ = await world.value("compliance", queries.OPEN)
    unanswered = await world.value("ingester", queries.UNANSWERED)
    return bool(open_ == REVOKED and unanswered == 0)


async def _notices_sent(world: World) -> bool:
    return not await world.value("ingester", queries.UNSENT)
