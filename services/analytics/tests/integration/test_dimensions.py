"""A new dimension is one entry of the table and one route: worker, storage and API do not name any."""

from typing import Any

import httpx
import pytest

from analytics.domain.dimensions import DIMENSIONS, Dimension
from analytics.entrypoints.http import queries
from analytics.entrypoints.http.schemas import ValueCount
from analytics.settings import Settings
from analytics.use_cases import incidents
from clawback_contracts.article.v1 import ArticlePublished
from clawback_testing.broker import Broker
from clawback_testing.waiting import until
from services.analytics.tests.integration.test_worker import settings, working
from services.analytics.tests.integration.world import World, message

__all__ = ["settings"]
pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("editions")]

ACME, BOLT, CORE = ({"name": name, "code": name[:2].upper()} for name in ("Acme", "Bolt", "Core"))


@pytest.fixture
def editions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts articles by a field of their provider too."""

    def of(article: ArticlePublished) -> list[tuple[str, str | None]]:
        given: Any = article.extra.get("editions", [])
        return [(edition["name"], edition["code"]) for edition in given]

    monkeypatch.setitem(DIMENSIONS, "editions", Dimension(99, "editions", of))
    route = queries.CountRoute("editions", ValueCount, queries.only("editions"), "Editions")
    monkeypatch.setattr(queries, "ROUTES", (*queries.ROUTES, route))


async def get(http: httpx.AsyncClient, query: str = "") -> dict[str, tuple[str | None, int, int]]:
    answer = await http.get(f"/analytics/editions{query}")
    assert answer.status_code == 200, answer.text
    return {one["value"]: (one["label"], one["articles"], one["words"]) for one in answer.json()["items"]}


async def test_the_worker_counts_by_a_new_dimension(
    world: World, topics: Broker, settings: Settings, http: httpx.AsyncClient
) -> None:
    articles = [
        world.article("up:1", extra={"editions": [ACME, BOLT, ACME]}),
        world.article("up:2", extra={"editions": [BOLT, CORE]}, word_count=5),
        world.article("up:3", extra={"editions": [CORE]}, language="de"),
        world.article("up:4"),
        world.article("up:3", 2, extra={"editions": [BOLT]}, language="de"),
    ]
    async with working(settings, world.db):
        await topics.send("articles.v1", [message(one, at=world.clock.now()) for one in articles])

        async def counted() -> bool:
            await world.must_be_exact()
            return await get(http) == wanted

        wanted = {"Bolt": ("BO", 3, 205), "Acme": ("AC", 1, 100), "Core": ("CO", 1, 5)}
        await until(counted, what="all are counted")
        assert await get(http, "?language=de") == {"Bolt": ("BO", 1, 100)}
        assert await world.total() == 4
        order = message(world.revocation("up:1"), at=world.clock.now())
        await topics.send("revocations.v1", [order])
        wanted = {"Bolt": ("BO", 2, 105), "Core": ("CO", 1, 5)}
        await until(counted, what="the revoked one is not counted")
    assert await world.words("topics", "editions") == {"Markets", "Bolt", "Core"}


async def test_a_value_is_counted_in_its_own_dimension_and_withheld_with_its_article(world: World) -> None:
    named_as_a_topic = {"name": "Markets", "code": "MKTS"}
    await world.publish(world.article("up:1", extra={"editions": [named_as_a_topic]}), world.article("up:2"))
    assert (await world.counted(), await world.counted("editions")) == ({"Markets": 2}, {"Markets": 1})
    (incident,) = await world.withhold("up:1")
    assert (await world.counted(), await world.counted("editions")) == ({"Markets": 1}, {})
    await world.must_be_exact()
    await incidents.close_incident(world.service, incident, "olga", "looked")
    assert (await world.counted(), await world.counted("editions")) == ({"Markets": 2}, {"Markets": 1})
    await world.must_be_exact()
