"""Disasters with revocations on their way. After each, truth is compared with every store by id."""

import asyncio
import signal

import pytest

from clawback_story import asking, faults
from clawback_story.faults import Dump
from clawback_story.world import METABASE, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

NEW, SUBMITTED, REVOKED = 300, 200, 60
AWAY_S = 8.0
PROBES_S = 3.0
"""Longer than a process takes to look at its own checks."""


async def _all_is_well(world: World) -> None:
    """Nobody finds anything wrong, and what was broken was broken with work in hand."""
    _, problems = await faults.judged(world)
    assert {name: found for name, found in problems.items() if found} == {}


@pytest.mark.parametrize("worker", ["ingester-worker", "compliance-worker"])
async def test_a_worker_killed_in_the_middle_of_a_batch_loses_nothing(world: World, worker: str) -> None:
    storing = asyncio.create_task(faults.articles(world, NEW, submitted=SUBMITTED))
    await faults.revoke(world, REVOKED)
    await world.until("work in hand", lambda: _in_hand(world), within_s=20, every_s=0.005)
    world.broke(f"SIGKILL of {worker}", await asking.in_flight(world))
    await world.in_thread(world.stack.kill, worker)
    await storing
    await world.in_thread(world.stack.wait_ready, worker)
    await faults.drained(world, f"SIGKILL of {worker}")
    await _all_is_well(world)


async def test_a_consumer_killed_in_the_middle_of_a_batch_answers_again(world: World) -> None:
    storing = asyncio.create_task(faults.articles(world, NEW))
    await faults.revoke(world, REVOKED)
    await world.until("work in hand", lambda: _in_hand(world), within_s=20, every_s=0.005)
    await world.downstream.stop(signal.SIGKILL)
    world.broke("SIGKILL of the consumer", await asking.in_flight(world))
    await storing
    await world.downstream.start(world.bootstrap_servers)
    await faults.drained(world, "SIGKILL of the consumer")
    await _all_is_well(world)


async def test_kafka_may_be_away_and_nobody_dies_of_it(world: World) -> None:
    before = await faults.pids(world)
    await faults.articles(world, NEW, submitted=SUBMITTED)
    await world.forget_producer()
    await world.in_thread(world.stack.stop, "kafka")
    await faults.revoke(world, REVOKED)
    world.broke("Kafka away", await asking.in_flight(world))
    await faults.none_ready(world, ["ingester-worker", "compliance-worker"])
    await asyncio.sleep(AWAY_S)
    await world.in_thread(world.stack.start, "kafka")
    await world.in_thread(world.stack.wait_ready)
    await faults.drained(world, "Kafka away")
    assert await faults.pids(world) == before
    await _all_is_well(world)


async def test_postgresql_may_be_away_and_nobody_dies_of_it(world: World) -> None:
    before = await faults.pids(world)
    await faults.articles(world, NEW, submitted=SUBMITTED)
    await faults.revoke(world, REVOKED)
    world.broke("PostgreSQL away", await asking.in_flight(world))
    await world.in_thread(world.stack.stop, "postgres")
    await faults.none_ready(world, faults.SERVICES)
    answer = await world.compliance.post(
        "/compliance/notices",
        headers=world.key("officer"),
        json={"article_id": f"{METABASE}:1", "reason": "manual"},
    )
    assert answer.status_code == 503
    await asyncio.sleep(AWAY_S)
    await world.in_thread(world.stack.start, "postgres")
    await world.reconnect()
    await world.in_thread(world.stack.wait_ready)
    await faults.drained(world, "PostgreSQL away")
    assert await faults.pids(world) == before
    await _all_is_well(world)


async def test_a_restored_ingester_converges_before_it_serves(world: World) -> None:
    dump = Dump(world)
    await faults.articles(world, NEW)
    await faults.drained(world, "more articles")
    await dump.take()
    revoked = await faults.revoke(world, REVOKED)
    world.broke("restore of the ingester's database", await asking.in_flight(world))
    await faults.drained(world, "revocations after the dump")
    for process in ("ingester-worker", "ingester-api"):
        await world.in_thread(world.stack.stop, process)
    await dump.restore()
    ids = [f"{METABASE}:{one}" for one in revoked]
    held = "SELECT count(*) FROM article_content WHERE article_id = ANY ($1)"
    assert await world.value("ingester", held, ids) == len(ids), (
        "the dump was taken too late to mean anything"
    )
    async with faults.locked(world, ids):  # so that it cannot be quicker than our look at it
        starting = asyncio.create_task(world.in_thread(world.stack.start, "ingester-worker"))
        await world.until("the lane of orders", lambda: faults.somebody_waits(world), within_s=30)
        await asyncio.sleep(PROBES_S)
        assert not (await faults.readiness(world, ["ingester-worker"]))["ingester-worker"]
    await starting
    assert await world.value("ingester", held, ids) == 0, "ready, and still holding what is revoked"
    await world.in_thread(world.stack.start, "ingester-api")
    await faults.drained(world, "restore of the ingester's database")
    await _all_is_well(world)


async def test_kafka_may_lose_everything_with_revocations_open(world: World) -> None:
    await faults.drained(world, "what came before")
    await world.downstream.stop()
    await faults.revoke(world, REVOKED)
    await world.until("orders for an absent consumer", lambda: _only_the_consumer_owes(world), within_s=30)
    await world.in_thread(world.stack.stop, "compliance-worker")
    await faults.revoke(world, REVOKED)
    await world.until("notices sent", lambda: _notices_sent(world), within_s=30)
    await world.forget_producer()
    unanswered = await world.value("ingester", asking.UNANSWERED)
    assert unanswered == REVOKED
    world.broke("Kafka's data wiped", await asking.in_flight(world))
    await world.in_thread(world.stack.wipe, "kafka")
    await world.in_thread(world.stack.start, "compliance-worker")
    await world.in_thread(world.stack.wait_ready)
    await world.downstream.start(world.bootstrap_servers)
    await faults.drained(world, "Kafka's data wiped", sending_again=True)
    await faults.articles(world, NEW, submitted=SUBMITTED)
    await faults.drained(world, "articles on the new log")
    await _all_is_well(world)


async def _in_hand(world: World) -> bool:
    return await asking.in_flight(world) > 0


async def _only_the_consumer_owes(world: World) -> bool:
    open_ = await world.value("compliance", asking.OPEN)
    unanswered = await world.value("ingester", asking.UNANSWERED)
    return bool(open_ == REVOKED and unanswered == 0)


async def _notices_sent(world: World) -> bool:
    return not await world.value("ingester", asking.UNSENT)
