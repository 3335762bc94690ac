"""How a holder that was offline for longer than the topic's retention reads what it missed."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from clawback_contracts.article.v1 import ArticlePublished
from services.ingester.tests.integration.world import World

pytestmark = pytest.mark.integration
A, B, C = "up:a", "up:b", "up:c"


async def publish(world: World, *article_ids: str, text: str = "text", **more: Any) -> None:
    """Stores articles whose publication the broker confirmed at the test's time."""
    number = world.clock.now().timestamp() * 1e6
    await world.submit(*(world.article(one, text, source_order=int(number), **more) for one in article_ids))
    await world.db.execute(
        "UPDATE outbox_bulk SET sent_at = $1, partition = 0, kafka_offset = id WHERE sent_at IS NULL",
        world.clock.now(),
    )


async def missed(http: httpx.AsyncClient, since: datetime, limit: int = 500) -> list[dict[str, Any]]:
    """Returns all pages of publications since then."""
    found: list[dict[str, Any]] = []
    query = {"published_after": since.isoformat(), "limit": str(limit)}
    while True:
        response = await http.get("/articles", params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        query["cursor"] = page["next_cursor"]


async def test_an_article_over_http_has_the_fields_that_a_holder_decides_by(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.order(world.revocation(A, 3))
    await world.order(world.reinstatement(A, 4))
    await world.submit(world.article(A, source_order=7))
    (event,) = await world.published()
    for item in (
        (await http.get("/articles")).json()["items"][0],
        (await http.get(f"/articles/{A}")).json(),
    ):
        assert (item["version"], item["after_order"], item["source_order"]) == (event.version, 4, 7)
        fields = {"version", "after_order", "source_order", "retention_date", "received_at"}
        built = item["document"] | {name: item[name] for name in fields}
        assert ArticlePublished.model_validate(built) == event


async def test_publications_since_a_time_are_listed_once_each_in_order_of_publication(
    http: httpx.AsyncClient, world: World
) -> None:
    await publish(world, A, B)
    world.clock.advance(minutes=1)
    since = world.clock.now()
    world.clock.advance(minutes=1)
    await publish(world, C)
    await publish(world, "up:d", "up:e")
    world.clock.advance(minutes=1)
    await publish(world, B, text="newer")
    await publish(world, C, text="newest")
    for limit in (1, 2, 500):
        found = await missed(http, since, limit)
        assert [one["article_id"] for one in found] == ["up:d", "up:e", B, C]
        assert [one["document"]["title"].split()[0] for one in found[2:]] == ["newer", "newest"]
    assert await missed(http, world.clock.now()) == []


async def test_an_article_that_was_revoked_meanwhile_is_not_listed_as_published(
    http: httpx.AsyncClient, world: World
) -> None:
    since = world.clock.now()
    world.clock.advance(minutes=1)
    await publish(world, A, B)
    await world.order(world.revocation(A, 3))
    assert [one["article_id"] for one in await missed(http, since)] == [B]


async def test_a_time_before_the_recorded_publications_is_refused(
    http: httpx.AsyncClient, world: World
) -> None:
    recent, long_ago = (world.ago(days=days).isoformat() for days in (29, 31))
    assert (await http.get("/articles", params={"published_after": recent})).status_code == 200
    response = await http.get("/articles", params={"published_after": long_ago})
    assert response.status_code == 422
    assert response.json()["errors"][0]["code"] == "too_long_ago"


async def test_a_cursor_of_one_list_is_refused_by_the_other(http: httpx.AsyncClient, world: World) -> None:
    since = world.ago(minutes=1).isoformat()
    await publish(world, A, B)
    by_id = (await http.get("/articles", params={"limit": 1})).json()["next_cursor"]
    by_time = (await http.get("/articles", params={"limit": 1, "published_after": since})).json()[
        "next_cursor"
    ]
    assert by_id
    assert by_time
    assert (await http.get("/articles", params={"cursor": by_time})).status_code == 422
    assert (
        await http.get("/articles", params={"cursor": by_id, "published_after": since})
    ).status_code == 422


async def test_a_page_of_publications_ends_with_the_text_that_reaches_the_byte_limit(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingester.entrypoints.http.articles.PAGE_BYTES_MAX", 50_000)
    since = world.ago(minutes=1)
    await publish(world, *(f"up:{n}" for n in range(7)), body="x" * 20_000)
    response = await http.get("/articles", params={"published_after": since.isoformat()})
    assert len(response.json()["items"]) == 3
    assert [one["article_id"] for one in await missed(http, since)] == [f"up:{n}" for n in range(7)]
