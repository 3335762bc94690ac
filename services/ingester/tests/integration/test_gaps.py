"""Articles that left the provider's window unread: an incident, and an alert until it is closed."""

from datetime import timedelta

import pytest

from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from ingester.use_cases import incidents
from ingester.use_cases.watching import watch_feeds
from services.ingester.tests.integration.simulated import ARTICLES, Simulated

pytestmark = pytest.mark.integration


async def watch(simulated: Simulated) -> list[str]:
    """Runs the monitoring of feeds; returns all alerts raised so far."""
    await watch_feeds(simulated.world.service)
    return [f"{one.name}: {one.summary}" for one in await simulated.world.unsent(AlertRaised)]


async def test_articles_that_left_the_window_unread_are_reported_until_a_person_closes_the_incident(
    simulated: Simulated,
) -> None:
    world = simulated.world
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    read_at = world.clock.now()
    await simulated.advance(hours=1)
    lost = await simulated.provider.publish(5)
    await simulated.advance(hours=80)
    published = await simulated.provider.publish(5)
    await simulated.advance(hours=10)
    assert (await simulated.poll(ARTICLES)).received == 5
    assert set(published.ids) <= await simulated.stored()
    assert not set(lost.ids) & await simulated.stored()
    (alert,) = await watch(simulated)
    assert alert.startswith(f"FeedGap: Feed {ARTICLES}")
    assert f"{read_at:%Y-%m-%d %H:%M} UTC" in alert
    row = await simulated.row(ARTICLES)
    assert row["gap_from"] == read_at
    assert row["gap_until"] - (read_at + timedelta(hours=81)) < timedelta(minutes=11)
    incident = await world.db.fetchval("SELECT id FROM incident WHERE kind = 'feed_gap'")
    assert await incidents.close_incident(world.service, incident, "officer", "asked the provider for them")
    await watch(simulated)
    assert {one.name for one in await world.unsent(AlertResolved)} == {"FeedGap"}
    assert (await simulated.row(ARTICLES))["gap_from"] is None


async def test_a_provider_with_a_shorter_window_than_configured_leaves_a_gap_too(
    simulated: Simulated,
) -> None:
    await simulated.provider.set(window_days=0.5)
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    await simulated.advance(hours=1)
    await simulated.provider.publish(5)
    await simulated.advance(hours=20)
    await simulated.provider.publish(5)
    assert (await simulated.poll(ARTICLES)).received == 5
    assert len(await watch(simulated)) == 1


async def test_an_outage_within_the_providers_window_leaves_no_gap(simulated: Simulated) -> None:
    await simulated.provider.set(window_days=10)
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    await simulated.advance(hours=1)
    await simulated.provider.publish(5)
    await simulated.advance(hours=90)
    assert (await simulated.poll(ARTICLES)).received == 5
    assert await watch(simulated) == []


async def test_a_gap_is_reported_once_if_the_poll_fails_after_its_detection(simulated: Simulated) -> None:
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    await simulated.advance(hours=90)
    await simulated.provider.publish(5)
    await simulated.provider.fail("articles", "failure", code=1002, skip=1)
    assert (await simulated.poll(ARTICLES)).error
    assert (await simulated.poll(ARTICLES)).received == 5
    assert await simulated.world.db.fetchval("SELECT count(*) FROM incident") == 1


async def test_a_feed_that_is_read_regularly_needs_no_extra_calls(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(5)
    await simulated.poll(ARTICLES)
    for _ in range(8):
        await simulated.advance(hours=1)
        await simulated.poll(ARTICLES)
    truth = await simulated.provider.truth()
    assert truth.calls["articles"].total == 2 + 8
