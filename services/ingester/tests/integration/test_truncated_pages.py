"""A list that the provider truncates never counts as complete, whatever it does with `limit`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from ingester.settings import FeedSettings
from ingester.storage import feeds
from ingester.use_cases import polling
from ingester.use_cases.watching import watch_feeds
from services.ingester.tests.integration.simulated import ARTICLES, REVOKED, Simulated
from services.ingester.tests.integration.world import Script, World, articles_page, revoked_page

pytestmark = pytest.mark.integration


async def test_all_truncated_revocations_are_read_before_the_feed_is_caught_up(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(40)
    await simulated.provider.set(limit_policy="clamp", max_revoked_limit=10)
    revoked = await simulated.provider.revoke(count=35)
    result = await simulated.poll(REVOKED)
    assert (result.caught_up, result.noticed) == (True, 35)
    assert await simulated.noticed() == revoked.all_ids


async def test_all_truncated_articles_are_read_before_the_feed_is_caught_up(
    simulated: Simulated,
) -> None:
    await simulated.provider.set(limit_policy="clamp", max_limit=20)
    published = await simulated.provider.publish(74)
    result = await simulated.poll(ARTICLES)
    assert (result.caught_up, result.received) == (True, 74)
    assert await simulated.stored() == set(published.ids)


async def test_a_provider_that_returns_smaller_pages_than_before_does_not_count_as_caught_up(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(60)
    await simulated.provider.revoke(count=30)
    await simulated.poll(ARTICLES)
    await simulated.poll(REVOKED)
    await simulated.provider.set(limit_policy="clamp", max_limit=10, max_revoked_limit=10)
    published = await simulated.provider.publish(35)
    revoked = await simulated.provider.revoke(count=25)
    assert (await simulated.poll(ARTICLES)).received == 35
    assert (await simulated.poll(REVOKED)).noticed == 25
    assert set(published.ids) <= await simulated.stored()
    assert revoked.all_ids <= await simulated.noticed()


def revocations(sizes: Sequence[int]) -> list[object]:
    """Returns pages of these numbers of revocations, each with its own cursor."""
    ids = iter(range(1_000))
    return [
        revoked_page(*(str(next(ids)) for _ in range(size)), cursor=f"c{n}") for n, size in enumerate(sizes)
    ]


async def test_a_page_of_revocations_that_is_shorter_than_another_is_not_the_last_one(
    world: World, script: Script
) -> None:
    script.responses = revocations((5, 2, 4))
    result = await polling.poll(script.feed(limit=10), world.service, "test")
    assert (result.caught_up, result.pages, result.noticed) == (True, 4, 11)


async def test_a_page_of_articles_that_is_shorter_than_another_of_the_poll_is_the_last_one(
    world: World, script: Script
) -> None:
    sizes, first = (4, 4, 1), 1
    for size in sizes:
        articles = [world.article(f"metabase:{n}", source_order=n) for n in range(first, first + size)]
        script.responses.append(articles_page(*articles, cursor=str(first + size - 1)))
        first += size
    result = await polling.poll(script.feed("articles", limit=10), world.service, "test")
    assert (result.caught_up, result.pages, result.received) == (True, 3, 9)


async def test_an_empty_page_moves_no_cursor_whatever_its_next_cursor(simulated: Simulated) -> None:
    await simulated.provider.set(revoked_next="top")
    await simulated.provider.publish(3)
    await simulated.provider.revoke(count=2)
    await simulated.poll(REVOKED)
    before = (await simulated.row(REVOKED))["cursor"]
    assert (await simulated.poll(REVOKED)).caught_up
    assert (await simulated.row(REVOKED))["cursor"] == before


async def test_a_list_without_a_cursor_is_read_and_never_complete_unless_configured_as_such(
    world: World, script: Script
) -> None:
    script.responses = [revoked_page("1", "2"), revoked_page("1", "2", "3")]
    result = await polling.poll(script.feed(limit=10), world.service, "test")
    assert not result.caught_up
    assert "cursor_stands_still" in str(result.error)
    assert result.noticed == 2
    (row,) = await feeds.all_feeds(world.db)
    assert (row["last_complete_at"], row["state"]) == (None, "failing")
    settings = FeedSettings(name="test-revoked", kind="revoked", limit=10, unpaged=True)
    stated = script.feed_of(settings)
    result = await polling.poll(stated, world.service, "test")
    assert (result.caught_up, result.noticed) == (True, 1)


async def test_a_cursor_that_returns_its_own_entry_again_is_at_the_end(world: World, script: Script) -> None:
    script.responses = [revoked_page("1", "2", cursor="c"), revoked_page("2", cursor="c")]
    result = await polling.poll(script.feed(limit=10), world.service, "test")
    assert (result.caught_up, result.pages, result.noticed) == (True, 2, 2)


async def test_articles_without_a_next_cursor_are_the_last_ones_only_after_a_larger_page(
    world: World, script: Script
) -> None:
    feed = script.feed("articles", limit=10)
    script.responses = [articles_page(world.article("metabase:1", source_order=1))]
    assert not (await polling.poll(feed, world.service, "test")).caught_up
    more = [world.article(f"metabase:{n}", source_order=n) for n in (2, 3)]
    script.responses = [articles_page(*more, cursor="3")]
    assert (await polling.poll(feed, world.service, "test")).caught_up
    script.responses = [articles_page(world.article("metabase:4", source_order=4))]
    assert (await polling.poll(feed, world.service, "test")).caught_up


async def test_the_providers_own_limit_is_shown_and_reported_until_it_ends(
    simulated: Simulated,
) -> None:
    await simulated.provider.publish(40)
    await simulated.provider.set(limit_policy="clamp", max_revoked_limit=10)
    await simulated.provider.revoke(count=35)
    await simulated.poll(REVOKED)
    row = await simulated.row(REVOKED)
    assert (row["page_requested"], row["page_max"], row["page_limit"]) == (10_000, 10, 10)
    await watch_feeds(simulated.world.service)
    (alert,) = await simulated.world.unsent(AlertRaised)
    assert (alert.name, alert.labels) == ("FeedPagesLimited", {"feed": REVOKED})
    assert "10,000" in alert.summary
    assert "at most 10" in alert.summary
    feed = simulated.feeds[REVOKED]
    source: Any = feed.source
    lower = replace(feed, source=replace(source, feed=feed.settings.model_copy(update={"limit": 10})))
    await simulated.provider.publish(10)
    await simulated.provider.revoke(count=10)
    await polling.poll(lower, simulated.world.service, "test")
    await watch_feeds(simulated.world.service)
    assert {one.name for one in await simulated.world.unsent(AlertResolved)} == {"FeedPagesLimited"}


async def test_pages_that_are_short_by_chance_indicate_no_limit(world: World, script: Script) -> None:
    feed = script.feed(limit=10)
    world.configure(feed)
    for sizes in ((3, 1), (5, 1), (3, 2), (4, 3)):
        script.responses = revocations(sizes)
        await polling.poll(feed, world.service, "test")
    (row,) = await feeds.all_feeds(world.db)
    assert (row["page_max"], row["page_limit"]) == (5, None)
    await watch_feeds(world.service)
    assert await world.alerts() == []


@pytest.mark.parametrize("stated", [True, False])
async def test_the_page_limit_is_read_from_the_rate_limits_once_a_day_if_pages_indicate_one(
    simulated: Simulated, *, stated: bool
) -> None:
    await simulated.provider.set(limit_policy="clamp", max_limit=20, page_limit_stated=stated)
    if not stated:
        await simulated.provider.fail("rateLimits", "failure", code=1003)
    await simulated.provider.publish(30)
    assert (await simulated.poll(ARTICLES)).caught_up
    assert "rateLimits" not in (await simulated.provider.truth()).calls
    for _ in range(2):
        await simulated.provider.publish(70)
        assert (await simulated.poll(ARTICLES)).caught_up
    assert (await simulated.provider.truth()).calls["rateLimits"].total == 1
    assert (await simulated.row(ARTICLES))["page_stated"] == (20 if stated else None)
    await watch_feeds(simulated.world.service)
    (alert,) = await simulated.world.unsent(AlertRaised)
    assert f"rate limits state {20 if stated else 'nothing'}" in alert.summary
