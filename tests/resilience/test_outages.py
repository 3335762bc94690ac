"""The broker or the database is down with revocations on their way: no process dies, and nothing is lost."""

import asyncio

import pytest

from clawback_story import faults, queries
from clawback_story.world import METABASE, World
from tests.resilience.test_faults import NEW, REVOKED, SUBMITTED, no_problems

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

AWAY_S = (8.0, pytest.param(60.0, marks=pytest.mark.disaster))
"""`make test-faults` plays the first; the second outlasts a session, a request and a wait for a connection."""


@pytest.mark.parametrize("away_s", AWAY_S)
async def test_no_process_dies_while_kafka_is_down(world: World, away_s: float) -> None:
    before = await faults.pids(world)
    await faults.articles(world, NEW, submitted=SUBMITTED)
    await world.forget_producer()
    await world.in_thread(world.stack.stop, "kafka")
    await faults.revoke(world, REVOKED)
    world.broke("Kafka away", await queries.in_flight(world))
    await faults.none_ready(world, faults.WORKERS)
    await asyncio.sleep(away_s)
    await world.in_thread(world.stack.start, "kafka")
    await world.in_thread(world.stack.wait_ready)
    await faults.drained(world, "Kafka away")
    assert await faults.pids(world) == before
    await no_problems(world)


@pytest.mark.parametrize("away_s", AWAY_S)
async def test_no_process_dies_while_postgresql_is_down(world: World, away_s: float) -> None:
    before = await faults.pids(world)
    await faults.articles(world, NEW, submitted=SUBMITTED)
    await faults.revoke(world, REVOKED)
    world.broke("PostgreSQL away", await queries.in_flight(world))
    await world.in_thread(world.stack.stop, "postgres")
    await faults.none_ready(world, faults.SERVICES)
    answer = await world.compliance.post(
        "/compliance/notices",
        headers=world.key("officer"),
        json={"article_id": f"{METABASE}:1", "reason": "manual"},
    )
    assert answer.status_code == 503
    await asyncio.sleep(away_s)
    await world.in_thread(world.stack.start, "postgres")
    await world.reconnect()
    await world.in_thread(world.stack.wait_ready)
    await faults.drained(world, "PostgreSQL away")
    assert await faults.pids(world) == before
    await no_problems(world)
