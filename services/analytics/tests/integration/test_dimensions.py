"""A new dimension is one entry of the table and one route: worker, storage and API do not name any."""

import httpx
import pytest

from analytics.domain.dimensions import DIMENSIONS, Dimension
from analytics.entrypoints.http import queries
from analytics.settings import Settings
from analytics.use_cases import incidents
from clawback_contracts.article.v1 import ArticlePublished, Company
from clawback_testing.broker import Broker
from clawback_testing.waiting import until
from services.analytics.tests.integration.test_worker import settings, working
from services.analytics.tests.integration.world import World, message

__all__ = ["settings"]
pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("companies")]

ACME, BOLT, CORE = (Company(name=name, symbol=name[:2].upper()) for name in ("Acme", "Bolt", "Core"))


@pytest.fixture
def companies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts articles by company too."""

    def of(article: ArticlePublished) -> list[tuple[str, str | None]]:
        return [(company.name, company.symbol) for company in article.companies]

    monkeypatch.setitem(DIMENSIONS, "companies", Dimension(99, "companies", of))
    monkeypatch.setattr(queries, "ROUTES", (*queries.ROUTES, queries.CountRoute("companies")))


async def get(http: httpx.AsyncClient, query: str = "") -> dict[str, tuple[str | None, int, int]]:
    answer = await http.get(f"/analytics/companies{query}")
    assert answer.status_code == 200, answer.text
    return {one["value"]: (one["label"], one["articles"], one["words"]) for one in answer.json()["items"]}


async def test_the_worker_counts_by_a_new_dimension(
    world: World, topics: Broker, settings: Settings, http: httpx.AsyncClient
) -> None:
    articles = [
        world.article("up:1", companies=(ACME, BOLT, ACME)),
        world.article("up:2", companies=(BOLT, CORE), word_count=5),
        world.article("up:3", companies=(CORE,), language="de"),
        world.article("up:4"),
        world.article("up:3", 2, companies=(BOLT,), language="de"),
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
    assert await world.words() == {"s1", "Markets", "Bolt", "Core"}


async def test_a_value_is_counted_in_its_own_dimension_and_withheld_with_its_article(world: World) -> None:
    named_as_a_topic = Company(name="Markets", symbol="MKTS")
    await world.publish(world.article("up:1", companies=(named_as_a_topic,)), world.article("up:2"))
    assert (await world.counted(), await world.counted("companies")) == ({"Markets": 2}, {"Markets": 1})
    (incident,) = await world.withhold("up:1")
    assert (await world.counted(), await world.counted("companies")) == ({"Markets": 1}, {})
    await world.must_be_exact()
    await incidents.close_incident(world.service, incident, "olga", "looked")
    assert (await world.counted(), await world.counted("companies")) == ({"Markets": 2}, {"Markets": 1})
    await world.must_be_exact()
