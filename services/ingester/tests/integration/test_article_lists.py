"""Lists of articles in the order of their last change: complete, filtered, and without what must not be read."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx
import pytest

from clawback_common.retention.partitions import wait_for_writers
from clawback_contracts.article.v1 import Company, Entity, Licence, Place, Source, Topic
from clawback_testing.waiting import until
from ingester.domain.article import deliveries
from ingester.storage import listing
from ingester.use_cases import indexing, notices, storing
from services.ingester.tests.integration.world import CANARY, World

pytestmark = pytest.mark.integration

A, B, C = "up:a", "up:b", "up:c"


async def pages(http: httpx.AsyncClient, limit: int = 500, /, **query: Any) -> list[dict[str, Any]]:
    """Returns the items of all pages."""
    items: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": limit} | query
    while True:
        response = await http.get("/articles", params=asked)
        assert response.status_code == 200, response.text
        page = response.json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        asked["cursor"] = page["next_cursor"]


async def ids(http: httpx.AsyncClient, limit: int = 500, /, **query: Any) -> list[str]:
    return [item["article_id"] for item in await pages(http, limit, **query)]


async def store(
    world: World, *article_ids: str, until_: asyncio.Event | None = None, pause_s: float = 0
) -> None:
    """Stores articles in a transaction that commits later."""

    async def wait(_: object) -> None:
        await asyncio.sleep(pause_s)
        if until_ is not None:
            await until_.wait()

    found = deliveries(((world.article(one), None) for one in article_ids), world.clock.now())
    await storing.store(world.service, found, source="test", steps=[wait])


# Order


async def test_a_changed_article_moves_to_the_end_of_the_list(http: httpx.AsyncClient, world: World) -> None:
    same = world.article(B)
    await world.submit(world.article(A), same, world.article(C))
    assert await ids(http, 1) == [A, B, C]
    world.clock.advance(minutes=1)
    await world.submit(world.article(A, "newer"))
    await world.submit(same)
    assert await ids(http, 2) == [B, C, A], "B was delivered again, unchanged"


async def test_a_list_that_was_read_to_its_end_continues_with_what_changed_since(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A), world.article(B))
    page = (await http.get("/articles")).json()
    assert page["next_cursor"] is None
    resumed = {"cursor": page["resume_cursor"]}
    assert (await http.get("/articles", params=resumed)).json()["items"] == []
    world.clock.advance(minutes=1)
    await world.submit(world.article(A, "newer"), world.article(C))
    assert await ids(http, **resumed) == [A, C]


async def test_a_reinstated_or_released_article_is_listed_again(
    http: httpx.AsyncClient, world: World
) -> None:
    later = world.clock.now() + timedelta(hours=1)
    await world.submit(world.article(A), world.article(B, embargoed_until=later))
    await world.order(world.withholding(A, 1))
    page = (await http.get("/articles")).json()
    assert page["items"] == []
    resumed = {"cursor": page["resume_cursor"]}
    await world.order(world.reinstatement(A, 2))
    assert await ids(http, **resumed) == [A]
    world.clock.advance(hours=2)
    await notices.on_time(world.service)
    assert await ids(http, **resumed) == [A, B]


# Completeness


async def test_a_list_waits_for_a_change_that_has_an_earlier_number_and_commits_later(
    http: httpx.AsyncClient, world: World
) -> None:
    commit = asyncio.Event()
    early = asyncio.create_task(store(world, A, until_=commit))
    await until(lambda: _number_was_taken(world))
    await store(world, B)
    listed = asyncio.create_task(ids(http))
    returned, _ = await asyncio.wait({listed}, timeout=1)
    commit.set()
    await early
    assert not returned
    assert await listed == [A, B]


async def test_changes_that_begin_while_a_list_waits_are_left_for_the_next_one(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = asyncio.Event()
    writing: list[asyncio.Task[None]] = []

    async def wait_and_then_write(*arguments: Any) -> None:
        await wait_for_writers(*arguments)
        writing.append(asyncio.create_task(store(world, A, until_=commit)))
        await until(lambda: _number_was_taken(world))
        await store(world, B)

    with monkeypatch.context() as patch:
        patch.setattr(listing, "wait_for_writers", wait_and_then_write)
        page = (await http.get("/articles")).json()
    commit.set()
    await asyncio.gather(*writing)
    found = [one["article_id"] for one in page["items"]]
    assert found + await ids(http, cursor=page["resume_cursor"]) == [A, B]


async def test_only_a_page_that_reaches_the_end_waits_for_writers(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A), world.article(B), world.article(C))
    first = (await http.get("/articles", params={"limit": 1})).json()
    commit = asyncio.Event()
    writing = asyncio.create_task(store(world, "up:d", until_=commit))
    await until(lambda: _number_was_taken(world))
    query = {"limit": 1, "cursor": first["next_cursor"]}
    async with asyncio.timeout(5):
        second = (await http.get("/articles", params=query)).json()
    commit.set()
    await writing
    assert [one["article_id"] for one in second["items"]] == [B]
    assert await ids(http, cursor=second["next_cursor"]) == [C, "up:d"]


async def _number_was_taken(world: World) -> bool:
    found: bool = await world.db.fetchval(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'article'::regclass AND mode = 'RowExclusiveLock')"
    )
    return found


async def test_a_reader_misses_nothing_while_eight_writers_commit_in_any_order(
    http: httpx.AsyncClient, world: World
) -> None:
    rounds = 12
    written = {f"up:{writer}-{n}" for writer in range(8) for n in range(rounds)}

    async def write(writer: int) -> None:
        for n in range(rounds):
            await store(world, f"up:{writer}-{n}", pause_s=0.001 * ((writer * 7 + n * 5) % 11))

    writing = asyncio.gather(*(write(writer) for writer in range(8)))
    read: list[str] = []
    cursor: str | None = None
    while True:
        ended = writing.done()
        query: dict[str, Any] = {"limit": 5} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/articles", params=query)).json()
        read += [item["article_id"] for item in page["items"]]
        cursor = page["resume_cursor"]
        if ended and page["next_cursor"] is None:
            break
    await writing
    assert len(read) == len(set(read))
    assert set(read) == written


async def test_numbers_of_changes_are_greater_than_any_that_a_restored_database_forgot(world: World) -> None:
    forgotten = await world.db.fetchval("SELECT nextval('article_change')")
    await world.db.execute("SELECT setval('article_change', 1)")
    await listing.set_last_change(world.db)
    restored = await world.db.fetchval("SELECT nextval('article_change')")
    assert restored > forgotten
    await world.db.execute("SELECT setval('article_change', $1::bigint)", restored * 2)
    await listing.set_last_change(world.db)
    assert await world.db.fetchval("SELECT nextval('article_change')") > restored * 2


# What must not be read


async def test_a_revoked_withheld_or_embargoed_article_is_in_no_list(
    http: httpx.AsyncClient, world: World
) -> None:
    later = world.clock.now() + timedelta(hours=1)
    topics = (Topic(name="Energy"),)
    await world.submit(
        world.article(A, topics=topics),
        world.article(B, topics=topics),
        world.article(C, topics=topics, embargoed_until=later),
    )
    await world.order(world.revocation(A), world.withholding(B))
    for query in ({}, {"topic": "Energy"}, {"from": "2000-01-01"}):
        response = await http.get("/articles", params=query)
        assert response.json()["items"] == []
        assert CANARY not in response.text


# Filters

FILTERS: Sequence[tuple[dict[str, str], Sequence[str]]] = [
    ({"topic": "energy"}, [A, B]),
    ({"topic": "Energy", "language": "en"}, [A]),
    ({"topic": "Energ"}, []),
    ({"language": "EN"}, [A]),
    ({"language": "de"}, [B]),
    ({"language": "de-AT"}, [B]),
    ({"source": "key a"}, [A]),
    ({"source": "The  Courier"}, [A]),
    ({"license": "Basic"}, [B]),
    ({"company": "acme ag"}, [A]),
    ({"company": "ACM"}, [A]),
    ({"company": "DE0001234567"}, [A]),
    ({"entity": "Person:Ada Lovelace"}, [B]),
    ({"entity": "Place:Ada Lovelace"}, []),
    ({"place": "de"}, [A]),
    ({"sentiment_min": "0"}, [A]),
    ({"sentiment_max": "0"}, [B]),
    ({"sentiment_min": "-5", "sentiment_max": "5"}, [A, B]),
    ({"from": "2026-02-01"}, [A, C]),
    ({"to": "2026-02-01T00:00:00Z"}, [B]),
    ({"from": "2026-01-01", "to": "2026-02-01", "topic": "energy"}, [B]),
]


@pytest.fixture
async def filterable(world: World) -> None:
    """Three articles; the third has nothing but its source."""
    await world.submit(
        world.article(
            A,
            topics=(Topic(name="Energy"),),
            language="en",
            source=Source(key="Key A", name="The Courier"),
            companies=(Company(name="Acme AG", symbol="ACM", isin="DE0001234567"),),
            places=(Place(country_code="DE"),),
            sentiment=1.5,
        ),
        world.article(
            B,
            topics=(Topic(name="ENERGY"),),
            language="de-AT",
            licences=(Licence(name="Basic"),),
            entities=(Entity(type="Person", value="Ada Lovelace"),),
            sentiment=-0.5,
            published_at=world.clock.now().replace(month=1),
        ),
        world.article(C),
    )


@pytest.mark.usefixtures("filterable")
@pytest.mark.parametrize(("query", "expected"), FILTERS)
async def test_an_article_is_listed_if_it_matches_all_filters(
    http: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    query: dict[str, str],
    expected: Sequence[str],
) -> None:
    assert await ids(http, **query) == expected
    monkeypatch.setattr(listing, "EXAMINED_MAX", 1)
    assert await ids(http, **query) == expected, "page by page, not by the index over terms"


async def test_a_filter_that_few_articles_match_is_found_by_the_index_and_others_by_examining_a_bounded_number(
    http: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "EXAMINED_MAX", 4)
    await world.submit(
        *(world.article(f"up:{n:02}", sentiment=n, language="en" if n == 9 else "de") for n in range(10))
    )
    await indexing.index(world.service)
    rare = (await http.get("/articles", params={"language": "en"})).json()
    assert ([one["article_id"] for one in rare["items"]], rare["next_cursor"]) == (["up:09"], None)
    first = (await http.get("/articles", params={"sentiment_min": "8", "language": "de"})).json()
    assert (first["items"], first["next_cursor"] is None) == ([], False)
    assert await ids(http, sentiment_min=8, language="de") == ["up:08"]


async def test_a_new_version_is_found_by_its_own_values_only(http: httpx.AsyncClient, world: World) -> None:
    await world.submit(world.article(A, language="en", topics=(Topic(name="Energy"),)))
    world.clock.advance(minutes=1)
    await world.submit(world.article(A, language="de"))
    assert await ids(http, language="en") == []
    assert await ids(http, topic="Energy") == []
    assert await ids(http, language="de") == [A]


async def test_values_of_any_length_and_any_character_are_stored_and_found(
    http: httpx.AsyncClient, world: World
) -> None:
    long, odd = "ä" * 10_000, "tab\there \x1f ' % \\ \u202e 🙂"
    topics = (Topic(name=long), Topic(name=odd), *(Topic(name=f"t{n}") for n in range(5_000)))
    await world.submit(world.article(A, topics=topics))
    assert await ids(http, topic="ä" * 200) == [A]
    assert await ids(http, topic="Tab here ' % \\ 🙂") == [A]
    assert await ids(http, topic="t1") == [A]


# Conditional reads


async def test_an_unchanged_article_is_304_and_a_revoked_one_is_410_whatever_the_client_has(
    http: httpx.AsyncClient, world: World
) -> None:
    await world.submit(world.article(A))
    first = await http.get(f"/articles/{A}")
    etag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-store"
    for header in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        response = await http.get(f"/articles/{A}", headers={"If-None-Match": header})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", etag)
    world.clock.advance(minutes=1)
    await world.submit(world.article(A, "newer"))
    changed = await http.get(f"/articles/{A}", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    await world.order(world.revocation(A))
    for header in (etag, changed.headers["etag"], "*"):
        assert (await http.get(f"/articles/{A}", headers={"If-None-Match": header})).status_code == 410


# Wrong requests

WRONG = [
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=x", "limit"),
    ("limit=1&limit=2", "limit"),
    ("topic=a&topic=b", "topic"),
    ("cursor=x", "cursor"),
    ("cursor=WzFd", "cursor"),
    ("cursor=WyJwdWJsaWNhdGlvbnMiLDFd", "cursor"),
    ("from=2026-02-01&to=2026-01-01", "from"),
    ("from=1000-01-01", "from"),
    ("to=3026-01-01", "to"),
    ("from=yesterday", "from"),
    ("place=DEU", "place"),
    ("place=%00%00", "place"),
    ("language=english", "language"),
    ("topic=", "topic"),
    ("topic=%20", "topic"),
    ("topic=a%00b", "topic"),
    ("topic=a%0Ab", "topic"),
    ("source=" + "x" * 201, "source"),
    ("entity=Person", "entity"),
    ("sentiment_min=nan", "sentiment_min"),
    ("sentiment_max=1e999", "sentiment_max"),
    ("sentiment_min=2&sentiment_max=1", "sentiment_min"),
    ("colour=red", "colour"),
    ("fields=body", "fields"),
    ("published_after=2026-02-28&topic=a", "published_after"),
]


@pytest.mark.parametrize(("query", "path"), WRONG)
async def test_a_wrong_parameter_is_422_and_named(http: httpx.AsyncClient, query: str, path: str) -> None:
    response = await http.get(f"/articles?{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == path


@pytest.mark.usefixtures("filterable")
@pytest.mark.parametrize("value", ["'; DROP TABLE article; --", "%", "{}", "\\", "energy' OR 'a'='a", "NULL"])
async def test_sql_in_a_filter_is_a_value_like_any_other(http: httpx.AsyncClient, value: str) -> None:
    for name in ("topic", "source", "company", "license"):
        assert await ids(http, **{name: value}) == []
    assert await ids(http) == [A, B, C]
