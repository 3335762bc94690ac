"""A provider that fails in every way it can, seen from the consumer's store."""

import asyncio
from typing import get_args

import pytest

from clawback_simulator.actions import FaultMode
from clawback_story import chapters, faults, garbage_provider, jobs, sources
from clawback_story.world import METABASE, REVOKED_FEED, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

SLOW = {"hang"}
"""It lasts the client's whole timeout of half a minute; the client's own tests use a shorter one."""
MODES = sorted(set(get_args(FaultMode)) - SLOW)
WITHIN_S = 30.0


@pytest.mark.usefixtures("evidence")
async def test_every_invalid_answer_costs_one_retry_and_no_article(world: World) -> None:
    published = set()
    for mode in MODES:
        code = {"code": 9002} if mode == "failure" else {}
        await world.simulator.fail("articles", mode, **code)
        published |= set((await world.simulator.publish(2, dated_days_ago=0)).ids)
        await sources.poll_well(world)
    truth = await world.simulator.truth()
    assert all(truth.calls["articles"].injected[mode] for mode in MODES)
    assert {name: one.hasty for name, one in truth.calls.items() if one.hasty} == {}
    await chapters.until_held(world, "the articles", within_s=WITHIN_S)
    held = await asyncio.to_thread(world.downstream.ids)
    assert {f"{METABASE}:{one}" for one in published} <= held


@pytest.mark.usefixtures("evidence")
async def test_a_list_of_revocations_in_another_shape_is_a_failure_and_then_still_read(world: World) -> None:
    revoked = await world.simulator.revoke(count=5)
    await world.simulator.set(revoked_shape="renamed")
    answer = await garbage_provider.failing_poll(world, REVOKED_FEED, "a renamed list")
    assert answer.status_code == 502
    failed = world.history.failed_polls[-1]
    assert failed.state == "failing"
    assert failed.cursor_before == failed.cursor_after
    await world.simulator.set(revoked_shape="revokedArticles")
    poll = await sources.poll_well(world, REVOKED_FEED)
    assert poll["noticed"] == len(revoked.ids)
    await faults.drained(world, "the provider is well again")
    _, problems = await faults.verify(world)
    assert {name: found for name, found in problems.items() if found} == {}


@pytest.mark.usefixtures("evidence")
async def test_a_daily_run_is_complete_only_when_a_truncated_list_is_read_to_its_end(
    world: World,
) -> None:
    await world.simulator.publish(30, dated_days_ago=0)
    await sources.poll_well(world)
    await world.simulator.set(limit_policy="clamp", max_revoked_limit=5)
    revoked = await world.simulator.revoke(count=23)
    seen = await jobs.daily_run(world, "a list that the provider cuts")
    await world.simulator.set(limit_policy="refuse", max_revoked_limit=10_000)
    assert seen.exit_code == 0
    assert any("23 notices" in line for line in seen.lines)
    for one in revoked.ids:
        assert (await world.ingester.get(f"/articles/{METABASE}:{one}")).status_code == 410
