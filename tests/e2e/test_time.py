"""What only time brings, from the provider's page to the consumer's store: embargoes and licences that end."""

import asyncio

import pytest

from clawback_story import chapters, faults, sources
from clawback_story.evidence import Evidence
from clawback_story.world import METABASE, World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

SOON_S = 6
WITHIN_S = 30.0


@pytest.mark.usefixtures("evidence")
async def test_an_article_under_embargo_is_readable_nowhere_before_it_ends(world: World) -> None:
    ids = (await world.simulator.publish(3, embargo_s=SOON_S, dated_days_ago=0)).ids
    await sources.poll_well(world)
    await asyncio.sleep(1)
    for one in ids:
        article_id = f"{METABASE}:{one}"
        assert (await world.ingester.get(f"/articles/{article_id}")).status_code == 404
        assert world.downstream.copy(article_id) is None
    await chapters.until_held(world, "the end of the embargo", within_s=WITHIN_S)


async def test_an_article_whose_licence_ends_is_removed_everywhere(world: World, evidence: Evidence) -> None:
    ids = (await world.simulator.publish(3, license_end_s=SOON_S, dated_days_ago=0)).ids
    await sources.poll_well(world)
    articles = {f"{METABASE}:{one}" for one in ids}
    await world.until("the articles", lambda: _all_held(world, articles), within_s=SOON_S)
    world.history.revoked_by_officer |= articles
    await chapters.until_held(world, "their removal", within_s=WITHIN_S)
    await faults.drained(world, "the end of licences")
    found, problems = await faults.verify(world)
    assert {name: lines for name, lines in problems.items() if lines} == {}
    reasons = {order.reason for order in found.ledger.orders if order.article_id in articles}
    assert reasons == {"licence_expired"}
    assert articles | evidence.expected.gone <= found.expected.gone


async def _all_held(world: World, articles: set[str]) -> bool:
    return articles <= await asyncio.to_thread(world.downstream.ids)
