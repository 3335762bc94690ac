"""Fields that could not be read are counted and reported; words are counted if the sender gives no count."""

from typing import Any

import orjson
import pytest

from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from ingester.gateways import metrics
from ingester.gateways.providers.metabase.values import Page
from ingester.use_cases import polling
from ingester.use_cases.watching import watch_feeds
from services.ingester.tests.integration.simulated import ARTICLES, Simulated
from services.ingester.tests.integration.world import Script, World

pytestmark = pytest.mark.integration


def page_with(world: World, first: int, count: int, **not_understood: int) -> Page:
    """Returns articles, of which some have these unreadable fields."""
    numbers = range(first, first + count)
    articles = tuple(world.article(f"metabase:{n}", source_order=n) for n in numbers)
    counts = {"*": max(not_understood.values()), **not_understood} if not_understood else {}
    return Page(articles, (), str(numbers[-1]), count, not_understood=counts)


async def test_a_share_of_articles_with_unreadable_fields_is_reported_with_the_fields_for_a_day(
    world: World, script: Script
) -> None:
    feed = script.feed("articles", limit=100)
    world.configure(feed)
    script.responses = [page_with(world, 1, 60, topics=4, tags=2), page_with(world, 61, 20)]
    await polling.poll(feed, world.service, "test")
    await watch_feeds(world.service)
    (alert,) = await world.unsent(AlertRaised)
    assert (alert.name, alert.labels) == ("FeedNotUnderstood", {"feed": feed.name})
    assert "in 4 of 80 articles" in alert.summary
    assert "topics (4), tags (2)" in alert.summary
    counter = metrics.NOT_UNDERSTOOD.labels(feed.name, "topics")
    assert counter._value.get() == 4
    world.clock.advance(hours=26)
    await watch_feeds(world.service)
    assert {one.name for one in await world.unsent(AlertResolved)} == {"FeedNotUnderstood"}


@pytest.mark.parametrize(("received", "odd"), [(10, 2), (80, 3)])
async def test_a_few_unreadable_values_are_counted_and_not_reported(
    world: World, script: Script, received: int, odd: int
) -> None:
    feed = script.feed("articles", limit=100)
    world.configure(feed)
    script.responses = [page_with(world, 1, received, publishedDate=odd)]
    await polling.poll(feed, world.service, "test")
    await watch_feeds(world.service)
    assert await world.alerts() == []
    assert await world.db.fetchval("SELECT articles FROM feed_not_understood WHERE field = '*'") == odd


@pytest.mark.parametrize("inner_lists", ["plain", "doubled", "named"])
async def test_articles_of_the_provider_are_read_and_words_counted_from_the_body(
    simulated: Simulated, inner_lists: str
) -> None:
    await simulated.provider.set(inner_lists=inner_lists)
    await simulated.provider.publish(60)
    assert (await simulated.poll(ARTICLES)).received == 60
    assert await simulated.world.db.fetchval("SELECT count(*) FROM feed_not_understood") == 0
    documents: list[dict[str, Any]] = [
        orjson.loads(row["document"])
        for row in await simulated.world.db.fetch("SELECT document FROM article_content")
    ]
    for document in documents:
        words = len(document["body"].split()) if "body" in document else None
        assert document.get("word_count") == words
    assert sum("topics" in document for document in documents) > 20


async def test_a_word_count_from_the_sender_stays_unchanged(world: World) -> None:
    await world.submit(
        world.article("up:1", body="Ships came\nin  today.", word_count=99),
        world.article("up:2", body="Ships came\nin  today."),
        world.article("up:3", body=None),
    )
    rows = await world.db.fetch("SELECT document FROM article_content ORDER BY article_id")
    assert [orjson.loads(row["document"]).get("word_count") for row in rows] == [99, 4, None]
