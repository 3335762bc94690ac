"""Bodies over HTTP: our own form and that of Standard Webhooks; unknown fields are refused by name."""

from typing import Any

import httpx
import pytest

from ingester.entrypoints import deliveries
from services.ingester.tests.integration.test_http_api import item, push, submit
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration
A, B = "up:a", "up:b"


def standard(data: Any, **more: Any) -> dict[str, Any]:
    """Returns an event in the form of Standard Webhooks."""
    return {"type": "article.published", "timestamp": "2026-02-28T12:00:00Z", "data": data} | more


@pytest.mark.parametrize("many", [False, True])
async def test_a_webhook_may_have_the_body_of_standard_webhooks(
    http: httpx.AsyncClient, world: World, *, many: bool
) -> None:
    data = {"items": [item("partner:1"), item("partner:2")]} if many else item("partner:1")
    response = await push(http, world, standard(data))
    assert (response.status_code, response.json()["refused"]) == (202, [])
    await deliveries.process_waiting(world.service)
    for article_id in response.json()["accepted"]:
        assert await world.text(article_id) is not None
    assert len(response.json()["accepted"]) == (2 if many else 1)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (standard(item("partner:1"), hint="x"), "hint"),
        (standard(item("partner:1"), timestamp="yesterday"), "timestamp"),
        (standard(item("partner:1"), type=""), "type"),
        (standard(7), "data"),
        (standard({}), "data.article_id"),
        (standard(item("partner:1", title=...)), "data.title"),
        (standard(item("partner:1", headline="x")), "data.headline"),
        (standard({"items": []}), "data.items"),
        (
            standard({"items": [item("partner:1", title=...), item("partner:2", title=...)]}),
            "data.items[1].title",
        ),
        ({"type": "article.published", "items": []}, "data"),
    ],
)
async def test_a_body_in_another_form_is_refused_with_the_field_named(
    http: httpx.AsyncClient, world: World, body: dict[str, Any], path: str
) -> None:
    response = await push(http, world, body)
    assert response.status_code == 422
    assert path in [error["path"] for error in response.json()["errors"]]
    assert CANARY not in response.text


async def test_an_unknown_field_rejects_only_its_item_and_is_named(http: httpx.AsyncClient) -> None:
    response = await submit(
        http, {"items": [item(A, headline="x"), item(B, source={"key": "s", "colour": "x"})]}
    )
    assert response.status_code == 422
    assert [error["path"] for error in response.json()["errors"]] == [
        "items[0].headline",
        "items[1].source.colour",
    ]
    assert {error["code"] for error in response.json()["errors"]} == {"extra_forbidden"}
    response = await submit(http, {"items": [item(A, headline="x"), item(B)]})
    assert (response.status_code, response.json()["accepted"]) == (202, [B])
    response = await submit(http, {"items": [item(B)], "batch": 7})
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "batch")


async def test_a_number_that_javascript_cannot_represent_exactly_is_refused(http: httpx.AsyncClient) -> None:
    assert (await submit(http, item(A, source_order=2**53 - 1))).status_code == 202
    response = await submit(http, item(B, source_order=2**53))
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "source_order")
