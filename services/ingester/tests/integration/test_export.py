"""The export: every readable article once, line by line, and continued where it broke off."""

from datetime import timedelta
from typing import Any

import httpx
import orjson
import pytest

from ingester.entrypoints.http import export
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration

A, B, C, D = "up:a", "up:b", "up:c", "up:d"


async def lines(http: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    response = await http.get("/articles/export", params=query)
    assert (response.status_code, response.headers["content-type"]) == (200, "application/x-ndjson")
    assert response.headers["cache-control"] == "no-store"
    return [orjson.loads(line) for line in response.content.splitlines()]


async def test_every_readable_article_is_a_line_with_the_fields_of_the_list(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"up:{n}" for n in range(7)]
    await world.submit(*(world.article(one) for one in ids))
    listed = (await http.get("/articles")).json()["items"]
    for batch in (1, 3, 7, 100):
        monkeypatch.setattr(export, "BATCH_MAX", batch)
        found = await lines(http)
        assert [{name: one[name] for name in one if name != "cursor"} for one in found] == listed
        assert [one["article_id"] for one in found] == ids


async def test_an_export_continues_after_the_cursor_of_any_line(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(*(world.article(one) for one in (A, B, C)))
    found = await lines(http)
    rest = await lines(http, cursor=found[0]["cursor"])
    assert rest == found[1:]
    world.clock.advance(minutes=1)
    await world.submit(world.article(B, "newer"))
    assert [one["article_id"] for one in await lines(http, cursor=found[-1]["cursor"])] == [B]
    listed = (await http.get("/articles", params={"cursor": found[0]["cursor"]})).json()["items"]
    assert [one["article_id"] for one in listed] == [C, B]


async def test_what_must_not_be_read_is_not_exported(http: httpx.AsyncClient, world: World) -> None:
    later = world.clock.now() + timedelta(hours=1)
    await world.submit(
        world.article(A), world.article(B), world.article(C, embargoed_until=later), world.article(D)
    )
    await world.order(world.revocation(A), world.withholding(B))
    assert [one["article_id"] for one in await lines(http)] == [D]


async def test_an_export_is_limited_by_filters_and_by_the_size_of_its_batches(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingester.entrypoints.http.articles.PAGE_BYTES_MAX", 50_000)
    ids = [f"up:{n}" for n in range(9)]
    await world.submit(
        *(
            world.article(one, body="x" * 20_000, language="en" if n % 2 else "de")
            for n, one in enumerate(ids)
        )
    )
    assert [one["article_id"] for one in await lines(http)] == ids
    monkeypatch.setattr("ingester.storage.listing.EXAMINED_MAX", 2)
    assert [one["article_id"] for one in await lines(http)] == ids
    assert [one["article_id"] for one in await lines(http, language="en")] == ids[1::2]


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=WyJzZWFyY2giLDFd", "limit=5", "topic=a&topic=b", "from=x"]
)
async def test_a_wrong_export_is_422_before_its_first_line(
    http: httpx.AsyncClient, world: World, query: str
) -> None:
    await world.submit(world.article(A))
    response = await http.get(f"/articles/export?{query}")
    assert response.status_code == 422
    assert CANARY not in response.text
