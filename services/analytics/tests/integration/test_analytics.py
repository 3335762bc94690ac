"""The analytics of the API: what each counts, and its formats."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from clawback_contracts.article.v1 import Company, Entity, Licence, Place, Source, Topic
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration
A, B, C = "up:a", "up:b", "up:c"
PATHS = (
    "topics",
    "sources",
    "timeline",
    "authors",
    "licenses",
    "word_count",
    "recent",
    "sentiment",
    "locations",
    "entities",
    "companies",
    "tags",
)


async def filled(world: World) -> None:
    """Three articles: from yesterday at noon, an hour later, and ten days earlier."""
    noon = world.ago(days=1)
    await world.publish(
        world.article(
            A,
            published_at=noon,
            authors=("Ada", "Bo"),
            topics=(Topic(name="Markets", group="Business"), Topic(name="Chess", group="Sports")),
            companies=(
                Company(name="Acme", symbol="ACM", isin="US01"),
                Company(name="Acme", symbol="ACMD"),
            ),
            entities=(Entity(type="Person", value="Ada"), Entity(type="City", value="Ada")),
            places=(Place(name="Berlin", country_code="DE", latitude=52.52, longitude=13.4),),
            sentiment=0.5,
            word_count=1_299,
            tags=("=x",),
        ),
        world.article(
            B,
            published_at=noon + timedelta(hours=1),
            authors=("Ada",),
            companies=(Company(name="Acme", symbol="ACM"),),
            places=(Place(name="Bavaria", country_code="DE", region="Bavaria"),),
            sentiment=-0.25,
            source=Source(key="s2", name="Weekly"),
            language="de",
        ),
        world.article(
            C, published_at=noon - timedelta(days=10), licences=(Licence(name="L1"), Licence(name="L2"))
        ),
    )


async def items(http: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await http.get(f"/analytics/{path}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def counts(http: httpx.AsyncClient, path: str, key: str) -> dict[str, int]:
    return {item[key]: item["articles"] for item in await items(http, path)}


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("topics", "topic", {"Markets": 3, "Chess": 1}),
        ("topics?group=Sports", "topic", {"Chess": 1}),
        ("authors", "author", {"Ada": 2, "Bo": 1}),
        ("licenses", "license", {"Standard": 2, "L1": 1, "L2": 1}),
        ("entities", "entity", {"Person:Ada": 1, "City:Ada": 1}),
        ("entities?type=City", "entity", {"City:Ada": 1}),
        ("companies", "company", {"Acme": 2}),
        ("companies?by=symbol", "company", {"ACM": 2, "ACMD": 1}),
        ("companies?by=isin", "company", {"US01": 1}),
        ("companies?language=de", "company", {"Acme": 1}),
        ("locations", "location", {"DE": 2}),
        ("locations?by=region", "location", {"Bavaria": 1}),
        ("locations?by=point", "location", {"52.52,13.40": 1}),
        ("tags", "tag", {"=x": 1}),
        (
            "timeline?interval=hour",
            "start",
            {"2026-02-28T13:00:00Z": 1, "2026-02-28T12:00:00Z": 1, "2026-02-18T12:00:00Z": 1},
        ),
        ("timeline", "start", {"2026-02-28T00:00:00Z": 2, "2026-02-18T00:00:00Z": 1}),
        ("timeline?interval=week", "start", {"2026-02-23T00:00:00Z": 2, "2026-02-16T00:00:00Z": 1}),
        ("timeline?interval=month", "start", {"2026-02-01T00:00:00Z": 3}),
    ],
)
async def test_articles_are_counted_by(
    world: World, http: httpx.AsyncClient, path: str, key: str, expected: dict[str, int]
) -> None:
    await filled(world)
    assert await counts(http, path, key) == expected


async def test_instants_end_a_period_within_a_day(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    noon, one = "2026-02-28T12:00:00Z", "2026-02-28T13:00:00Z"
    for query, found in (
        (f"from={noon}&to={one}", {"Ada": 1, "Bo": 1}),
        (f"from={one}", {"Ada": 1}),
        (f"from=2026-02-28T12:00:00.000001Z&to={one}", {}),
        ("from=2026-02-28T13:30:00%2B01:00&to=2026-02-28", {"Ada": 1}),
        (f"from=2026-02-18&to={one}", {"Ada": 1, "Bo": 1}),
    ):
        assert await counts(http, f"authors?{query}", "author") == found, query
    assert await counts(http, f"timeline?interval=month&to={one}", "start") == {"2026-02-01T00:00:00Z": 2}


async def test_numbers_have_distributions(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    (words,) = await items(http, "word_count")
    assert (words["articles"], words["mean"]) == (3, pytest.approx((1_299 + 100 + 100) / 3))
    assert (words["median"], words["p90"], words["start"], words["source"]) == (100, 1_200, None, None)
    assert {one["at_least"]: one["articles"] for one in words["buckets"] if one["articles"]} == {
        100: 2,
        1_000: 1,
    }
    (scores,) = await items(http, "sentiment")
    assert (scores["articles"], scores["mean"], scores["p10"], scores["p90"]) == (2, 0.125, -0.25, 0.5)
    by_source = await items(http, "sentiment?by=source")
    assert [(one["source"], one["mean"]) for one in by_source] == [("s1", 0.5), ("s2", -0.25)]
    by_week = await items(http, "word_count?interval=week")
    assert [(one["start"], one["articles"]) for one in by_week] == [
        ("2026-02-23T00:00:00Z", 2),
        ("2026-02-16T00:00:00Z", 1),
    ]


@pytest.mark.parametrize(
    ("path", "key"), [("word_count?by=source", "source"), ("word_count?interval=day", "start")]
)
async def test_distributions_are_paged(world: World, http: httpx.AsyncClient, path: str, key: str) -> None:
    await filled(world)
    whole = [one[key] for one in await items(http, path)]
    first = (await http.get(f"/analytics/{path}&limit=1")).json()
    rest = (await http.get(f"/analytics/{path}&limit=1&cursor={first['next_cursor']}")).json()
    assert [one[key] for one in (*first["items"], *rest["items"])] == whole
    assert (len(whole), rest["next_cursor"]) == (2, None)


async def test_recent_articles_are_listed_with_their_link(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    await world.withhold(C)
    assert await items(http, "recent") == [
        {
            "article_id": article_id,
            "published_at": published_at,
            "source": source,
            "language": language,
            "licenses": ["Standard"],
            "words": words,
            "link": f"/api/v1/articles/{article_id}",
        }
        for article_id, published_at, source, language, words in (
            (B, "2026-02-28T13:00:00Z", "s2", "de", 100),
            (A, "2026-02-28T12:00:00Z", "s1", "en", 1_299),
        )
    ]
    first = (await http.get("/analytics/recent?limit=1")).json()
    rest = (await http.get(f"/analytics/recent?limit=1&cursor={first['next_cursor']}")).json()
    assert [one["article_id"] for one in (*first["items"], *rest["items"])] == [B, A]
    assert [one["article_id"] for one in await items(http, "recent?language=de")] == [B]


async def test_a_revoked_article_is_in_no_answer(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    await world.order(*(world.revocation(one) for one in (A, B, C)))
    for path in PATHS:
        assert await items(http, path) == [], path
    assert await world.db.fetchval("SELECT count(*) FROM value") == 0


@pytest.mark.parametrize("query", ["", "?from=2020-01-01&to=2020-01-02", "?to=2020-01-01T10:00:00Z"])
async def test_without_articles_every_answer_is_empty(http: httpx.AsyncClient, query: str) -> None:
    for path in PATHS:
        answer = await http.get(f"/analytics/{path}{query}")
        assert (answer.status_code, answer.json()) == (200, {"items": [], "next_cursor": None}), path


async def test_every_answer_is_available_as_csv(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    for path in PATHS:
        answer = await http.get(f"/analytics/{path}", headers={"Accept": "text/csv"})
        (*columns,) = (await items(http, path))[0]
        header, *rows = answer.text.splitlines()
        assert (header, len(rows)) == (",".join(columns), len(await items(http, path))), path
    answer = await http.get("/analytics/tags?format=csv")
    assert answer.text == "tag,articles,words\r\n'=x,1,1299\r\n"


async def test_locations_are_available_as_geojson(world: World, http: httpx.AsyncClient) -> None:
    await filled(world)
    answer = await http.get("/analytics/locations?by=point&format=geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.json() == {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [13.4, 52.52]},
                "properties": {"location": "52.52,13.40", "name": "Berlin", "articles": 1, "words": 1_299},
            }
        ],
        "next_cursor": None,
    }
    countries = (await http.get("/analytics/locations?format=geojson")).json()
    assert [one["geometry"] for one in countries["features"]] == [None]


WRONG = [
    ("topics?from=yesterday", "from"),
    ("topics?from=2026-02-30", "from"),
    ("topics?to=0026-02-01", "to"),
    ("topics?to=9000-01-01T00:00:00Z", "to"),
    ("topics?from=2026-02-02T10:00:00Z&to=2026-02-02T10:00:00Z", "from"),
    ("topics?type=x", "type"),
    ("entities?type=", "type"),
    ("companies?by=cusip", "by"),
    ("locations?by=", "by"),
    ("timeline?interval=year", "interval"),
    ("sentiment?interval=hour", "interval"),
    ("sentiment?interval=day&by=source", "by"),
    ("word_count?by=source&cursor=WyJ4Il0", "cursor"),
    ("recent?cursor=WzFd", "cursor"),
    ("topics?format=xml", "format"),
    ("topics?format=geojson", "format"),
]


@pytest.mark.parametrize(("path", "place"), WRONG)
async def test_an_invalid_parameter_is_named(http: httpx.AsyncClient, path: str, place: str) -> None:
    answer = await http.get(f"/analytics/{path}")
    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [place])
