"""Reading several articles by their ids."""

from typing import Any

import httpx
import pytest

from ingester.storage import sweeps
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration

A, B, C = "up:a", "up:b", "up:c"
PATH = "/articles/batch"


async def test_readable_articles_are_read_in_the_order_of_the_request_and_others_have_their_reason(
    http: httpx.AsyncClient, world: World
) -> None:
    later = world.clock.now().replace(year=2027)
    held = ("up:revoked", "up:withheld", "up:old")
    await world.submit(
        *(world.article(one) for one in (A, B, *held)), world.article("up:embargoed", embargoed_until=later)
    )
    await world.order(world.revocation("up:revoked", 3), world.withholding("up:withheld"))
    await world.db.execute("UPDATE article SET retention_date = '2000-01-01' WHERE article_id = 'up:old'")
    await sweeps.raise_floor(world.db, world.ago(days=900), world.clock.now())
    wanted = [B, "up:unknown", *held, A, B, "up:embargoed"]
    response = await http.post(PATH, json={"article_ids": wanted})
    assert response.status_code == 200
    body = response.json()
    assert [item["article_id"] for item in body["items"]] == [B, A]
    assert body["items"][1] == (await http.get(f"/articles/{A}")).json()
    states = {one["article_id"]: one["state"] for one in body["others"]}
    assert states == {
        "up:unknown": "unknown",
        "up:revoked": "revoked",
        "up:withheld": "withheld",
        "up:old": "deleted",
        "up:embargoed": "unknown",
    }
    revoked = next(one for one in body["others"] if one["article_id"] == "up:revoked")
    assert (revoked["reason"], revoked["order"]) == ("licensor", 3)
    assert revoked["revoked_at"].startswith("2026-03-01T12:00:00")
    assert response.text.count(CANARY) == 4
    assert body["next_cursor"] is None


async def test_a_batch_that_is_too_large_for_a_page_continues_with_its_cursor(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingester.entrypoints.http.articles.PAGE_BYTES_MAX", 50_000)
    ids = [f"up:{n}" for n in range(7)]
    await world.submit(*(world.article(one, body="x" * 20_000) for one in ids))
    body, read, query = {"article_ids": [*ids, "up:unknown"]}, [], dict[str, str]()
    while True:
        answer = (await http.post(PATH, json=body, params=query)).json()
        read.append([one["article_id"] for one in answer["items"] + answer["others"]])
        if answer["next_cursor"] is None:
            break
        query = {"cursor": answer["next_cursor"]}
    assert read == [ids[:3], ids[3:6], ["up:6", "up:unknown"]]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "article_ids"),
        ({"article_ids": []}, "article_ids"),
        ({"article_ids": [f"up:{n}" for n in range(501)]}, "article_ids"),
        ({"article_ids": "up:1"}, "article_ids"),
        ({"article_ids": ["no colon"]}, "article_ids[0]"),
        ({"article_ids": ["up:1", "up:a\0b"]}, "article_ids[1]"),
        ({"article_ids": ["up:1"], "fields": "title"}, "fields"),
        ([], ""),
    ],
)
async def test_a_wrong_batch_is_422_and_its_mistake_is_named(
    http: httpx.AsyncClient, body: Any, path: str
) -> None:
    response = await http.post(PATH, json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == path


async def test_a_cursor_of_another_list_is_refused(http: httpx.AsyncClient, world: World) -> None:
    await world.submit(world.article(A), world.article(B))
    cursor = (await http.get("/articles", params={"limit": 1})).json()["next_cursor"]
    response = await http.post(PATH, json={"article_ids": [A]}, params={"cursor": cursor})
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "cursor")
