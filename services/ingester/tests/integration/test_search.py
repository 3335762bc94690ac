"""The search: what a query finds, in which order, and that nothing is found that must not be read."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from clawback_contracts.article.v1 import Company, Entity, Licence, Place, Source, Topic
from ingester.domain.backlog import LINGERS, MANY
from ingester.storage import search
from ingester.use_cases import indexing
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration

A, B, C = "up:a", "up:b", "up:c"


async def stored(world: World, *articles: Any) -> None:
    """Stores articles and makes them searchable."""
    await world.submit(*articles)
    await indexing.index(world.service)


async def find(http: httpx.AsyncClient, q: str, /, **more: Any) -> dict[str, Any]:
    response = await http.get("/articles/search", params={"q": q} | more)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def ids(http: httpx.AsyncClient, q: str, /, **more: Any) -> list[str]:
    return [item["article_id"] for item in (await find(http, q, **more))["items"]]


# Queries

QUERIES: Sequence[tuple[str, Sequence[str]]] = [
    ("bank", [A, B]),
    ("BANK", [A, B]),
    ("ban", []),
    ("interest", [A, B]),
    ('"interest rates"', [A]),
    ('"rates interest"', [B]),
    ("interest rates", [A, B]),
    ("bank AND hawk", [B]),
    ("hawk OR mouse", [A, B]),
    ("bank NOT hawk", [A]),
    ("bank NOT (hawk OR mouse)", []),
    ("(hawk OR mouse) interest", [A, B]),
    ("title:interest", [A]),
    ("content:interest", [B]),
    ("summary:mouse", [A]),
    ("author:lovelace", [A]),
    ('author:"ada lovelace" bank', [A]),
    ("title:lovelace", []),
    ("topic:energy", [A]),
    ("topic:Energy NOT bank", []),
    ('bank topic:"green energy"', [B]),
    ("topic:energy OR topic:'green", [A]),
    ("language:de", [B]),
    ("source:courier", [A]),
    ("license:Basic", [B]),
    ("company:ACM", [A]),
    ("country:de", [A]),
    ('entity:"Person:Ada Lovelace"', [B]),
    ("bank wordCount:[100 TO *]", [B]),
    ("bank wordCount:[* TO 99]", [A]),
    ("bank sentiment:[-1 TO 0]", [B]),
    ("bank publishedDate:[2026-01-01 TO 2026-01-15]", [B]),
    ("bank publishedDate:[2026-01-16 TO *]", [A]),
    ("o'hara", [A]),
    ("e-mail", [B]),
    ("straße", [B]),
    ("東京", [B]),
    ("xd41d8cd98f00b204e9800998ecf8427e", []),
    ("quiet", [C]),
]


@pytest.fixture
async def library(world: World) -> None:
    """Three articles, the newest first."""
    await stored(
        world,
        world.article(
            A,
            title="Interest rates",
            summary="A mouse",
            body="The bank of O'Hara",
            authors=("Ada Lovelace",),
            topics=(Topic(name="Energy"),),
            source=Source(key="courier"),
            companies=(Company(name="Acme", symbol="ACM"),),
            places=(Place(country_code="DE"),),
            sentiment=0.5,
            word_count=10,
        ),
        world.article(
            B,
            title="Hawk",
            body="Rates: interest of a bank, by e-mail, Straße 東京",
            topics=(Topic(name="Green energy"),),
            language="de",
            licences=(Licence(name="Basic"),),
            entities=(Entity(type="Person", value="Ada Lovelace"),),
            sentiment=-0.5,
            word_count=100,
            published_at=world.clock.now().replace(month=1, day=15),
        ),
        world.article(C, title="Quiet", body=None, published_at=world.clock.now().replace(month=1, day=1)),
    )


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("q", "expected"), QUERIES)
async def test_a_query_finds_the_articles_that_match_the_newest_first(
    http: httpx.AsyncClient, q: str, expected: Sequence[str]
) -> None:
    assert await ids(http, q) == expected


@pytest.mark.usefixtures("library")
async def test_filters_limit_a_search_too(http: httpx.AsyncClient) -> None:
    assert await ids(http, "bank", language="de") == [B]
    assert await ids(http, "bank wordCount:[1 TO 200]", to="2026-02-01") == [B]
    assert await ids(http, "bank", sentiment_min=0) == [A]


# Pages and order


async def test_pages_by_date_have_each_match_once_across_months_and_equal_dates(
    http: httpx.AsyncClient, world: World
) -> None:
    dates = [world.ago(days=20 * (n // 3)) for n in range(9)]
    names = [f"up:{n}" for n in range(9)]
    await stored(world, *(world.article(one, published_at=at) for one, at in zip(names, dates, strict=True)))
    expected = [f"up:{n}" for n in (2, 1, 0, 5, 4, 3, 8, 7, 6)]
    for limit in (1, 2, 9):
        found: list[str] = []
        query: dict[str, Any] = {"limit": limit}
        while True:
            page = await find(http, "text", **query)
            found += [item["article_id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert found == expected


async def test_a_page_ends_with_the_article_that_reaches_the_byte_limit(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingester.entrypoints.http.articles.PAGE_BYTES_MAX", 50_000)
    await stored(world, *(world.article(f"up:{n}", body="x " * 10_000) for n in range(4)))
    first = await find(http, "x")
    assert len(first["items"]) == 3
    assert await ids(http, "x", cursor=first["next_cursor"]) == ["up:0"]


async def test_the_best_of_the_newest_matches_come_first_if_requested(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(
        world,
        world.article(A, title="whale", body="whale whale", published_at=world.ago(days=3)),
        world.article(B, title="other", body="a whale", published_at=world.ago(days=2)),
        world.article(C, title="whale", body="other", published_at=world.ago(days=1)),
    )
    assert await ids(http, "whale") == [C, B, A]
    assert await ids(http, "whale", sort="relevance") == [A, C, B]
    monkeypatch.setattr(search, "RANKED_MAX", 2)
    assert await ids(http, "whale", sort="relevance") == [C, B]


async def test_a_snippet_marks_the_words_and_is_harmless_html(http: httpx.AsyncClient, world: World) -> None:
    body = "one <script>alert(1)</script> the white whale & the ocean"
    await stored(world, world.article(A, body=body), world.article(B, body=None, title="whale"))
    items = {one["article_id"]: one for one in (await find(http, "whale", snippets=True))["items"]}
    assert "white <em>whale</em> &amp; the ocean" in items[A]["snippet"]
    assert "<script>" not in items[A]["snippet"]
    assert items[B]["snippet"] == ""
    assert "snippet" not in (await find(http, "whale"))["items"][0]
    assert (await find(http, "whale", snippets=True, fields="snippet"))["items"][0].keys() == {"snippet"}


# What must not be found


@pytest.mark.parametrize("more", [{}, {"sort": "relevance"}, {"snippets": True}])
async def test_a_revoked_withheld_or_embargoed_article_is_not_found(
    http: httpx.AsyncClient, world: World, more: dict[str, Any]
) -> None:
    later = world.clock.now() + timedelta(hours=1)
    await stored(
        world,
        world.article(A),
        world.article(B),
        world.article(C, embargoed_until=later),
        world.article("up:d"),
    )
    assert await ids(http, CANARY, **more) == ["up:d", B, A]
    await world.order(world.revocation(A), world.withholding(B))
    assert await ids(http, CANARY, **more) == ["up:d"]
    assert await world.db.fetchval("SELECT count(*) FROM article_content WHERE article_id = $1", A) == 0
    await world.order(world.reinstatement(B, 2))
    assert await ids(http, CANARY, **more) == ["up:d", B]


async def test_a_new_version_is_found_by_its_own_words_only_once_it_is_indexed(
    http: httpx.AsyncClient, world: World
) -> None:
    await stored(world, world.article(A, title="former"))
    world.clock.advance(minutes=1)
    await world.submit(world.article(A, title="present"))
    assert await ids(http, "former") == []
    world.clock.advance(seconds=5)
    assert await indexing.lag(world.service) == timedelta(seconds=5)
    await indexing.index(world.service)
    assert await indexing.lag(world.service) == timedelta()
    assert (await ids(http, "former"), await ids(http, "present")) == ([], [A])


async def test_a_filtered_list_has_articles_that_are_not_searchable_yet(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A, language="en"))
    assert await ids(http, "language:en") == []
    listed = (await http.get("/articles", params={"language": "en"})).json()["items"]
    assert [one["article_id"] for one in listed] == [A]


# Documents of any size


@pytest.mark.parametrize(
    "body",
    [
        " ".join(f"{n:x}-{n + 7:x}-{n + 13:x}" for n in range(40_000)),
        " ".join(chr(0x4E00 + n % 20_000) + chr(0x4E00 + n // 20_000) for n in range(120_000)),
        "x" * 800_000,
        "http://a.example/b/c?d=e " * 30_000,
        "\u202e\ufffd \x01 ' \\ <b> & %s :A | !",
    ],
    ids=["hyphens", "ideographs", "one word", "addresses", "signs"],
)
async def test_no_text_stops_the_index(http: httpx.AsyncClient, world: World, body: str) -> None:
    await stored(world, world.article(A, title="whale", body=body), world.article(B, title="whale"))
    assert sorted(await ids(http, "whale", fields="article_id")) == [A, B]


async def test_an_article_without_a_possible_vector_stops_no_other(
    http: httpx.AsyncClient, world: World
) -> None:
    names = [f"up:{n}" for n in range(5)]
    await world.submit(*(world.article(one, title="whale") for one in names))
    await world.db.execute("UPDATE article_content SET document = '{' WHERE article_id = 'up:1'")
    for _ in range(4):
        await indexing.index(world.service)
    await world.db.execute("UPDATE article_content SET document = '{}' WHERE article_id = 'up:1'")
    assert sorted(await ids(http, "whale", fields="article_id")) == [one for one in names if one != "up:1"]


async def test_an_article_that_another_worker_holds_is_not_left_out(
    http: httpx.AsyncClient, world: World
) -> None:
    for name in (A, B):  # A is older
        await world.submit(world.article(name, title="whale"))
    await world.db.execute("UPDATE article_content SET document = '{' WHERE article_id = $1", B)
    async with world.db.transaction() as tx:
        await tx.execute("SELECT FROM article_content WHERE article_id = $1 FOR UPDATE", A)
        waiting = asyncio.create_task(indexing.index(world.service))
        await asyncio.sleep(0.5)
    await waiting
    assert await ids(http, "whale", fields="article_id") == [A]


async def test_storing_comes_before_the_index(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH_BESIDE_BACKLOG", 2)
    await world.submit(*(world.article(f"up:{n}") for n in range(MANY)))
    await indexing.index(world.service)
    waiting = "SELECT count(*) FROM article_content WHERE search IS NULL"
    assert await world.db.fetchval(waiting) == MANY - 2
    world.clock.advance(seconds=2 * LINGERS.total_seconds())
    await indexing.index(world.service)
    assert await world.db.fetchval(waiting) == 0


async def test_every_batch_is_indexed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "BATCH_MAX", 2)
    await world.submit(*(world.article(f"up:{n}") for n in range(5)))
    await indexing.index(world.service)
    assert await world.db.fetchval("SELECT count(*) FROM article_content WHERE search IS NULL") == 0


# Wrong requests


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=a&q=b", "q"),
        ("q=a%00b", "q"),
        ("q=(a", "q"),
        ("q=" + "a%20" * 15_000, "q"),
        ("q=a&sort=size", "sort"),
        ("q=a&snippets=perhaps", "snippets"),
        ("q=a&cursor=WyJjaGFuZ2VzIiwxXQ", "cursor"),
        ("q=a&cursor=WyJzZWFyY2giLDEsImEiXQ", "cursor"),
        ("q=a&sort=relevance&cursor=x", "cursor"),
        ("q=a&fields=colour", "fields"),
        ("q=a&published_after=2026-02-28", "published_after"),
        ("q=a&from=2026-02-28&to=2026-01-01", "from"),
        ("q=a&limit=501", "limit"),
    ],
)
async def test_a_wrong_search_is_422_and_its_mistake_is_named(
    http: httpx.AsyncClient, query: str, path: str
) -> None:
    response = await http.get(f"/articles/search?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == path


async def test_a_mistake_in_a_query_has_its_position_and_no_word_of_the_query(
    http: httpx.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    response = await http.get("/articles/search", params={"q": f"{CANARY} (b"})
    assert (response.status_code, response.json()["position"]) == (422, len(CANARY) + 1)
    assert CANARY not in response.text
    await find(http, CANARY)
    assert CANARY not in "".join(capfd.readouterr())


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "q", ["'; DROP TABLE article; --", "a'::tsquery", "bank' | 'hawk", "\\", "a:*", "%'", "bank & hawk", "$1"]
)
async def test_sql_and_operators_of_the_database_are_words_or_a_mistake(
    http: httpx.AsyncClient, q: str
) -> None:
    response = await http.get("/articles/search", params={"q": q})
    assert response.status_code in {200, 422}
    if response.status_code == 200:
        assert response.json()["items"] == []
    assert await ids(http, "bank") == [A, B]
