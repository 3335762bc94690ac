"""The cache: used when available, never stale, without text, and never required."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from analytics.gateways import cache as cache_module
from analytics.gateways.cache import Cache
from analytics.storage import rollups
from clawback_common.http.probes import Probes
from clawback_contracts.article.v1 import ArticlePublished, Source, Topic
from clawback_testing.waiting import until
from services.analytics.tests.integration.world import World

pytestmark = pytest.mark.integration
A, B = "up:a", "up:b"
SECRET = "Zyxwv"


@pytest_asyncio.fixture
async def cache(valkey: "Redis", valkey_url: str) -> AsyncIterator[Cache]:
    """A cache with an empty Valkey."""
    assert valkey is not None
    async with Cache.connect(valkey_url, 60) as made:
        yield made


def article(world: World, article_id: str = A, version: int = 1) -> ArticlePublished:
    return world.article(
        article_id, version, topics=(Topic(name=SECRET, group=SECRET),), source=Source(key="s", name=SECRET)
    )


async def get(http: httpx.AsyncClient, what: str = "topics", **query: str) -> list[dict[str, object]]:
    answer = await http.get(f"/analytics/{what}", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["items"]
    return found


async def test_the_second_answer_comes_from_the_cache_and_is_the_same(
    world: World, http: httpx.AsyncClient, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.publish(article(world), article(world, B))
    first = [await get(http, what) for what in ("topics", "sources", "timeline")]
    computed = 0

    async def compute(*_: object) -> list[rollups.Counted]:
        nonlocal computed
        computed += 1
        return []

    monkeypatch.setattr(rollups, "values", compute)
    monkeypatch.setattr(rollups, "intervals", compute)
    assert [await get(http, what) for what in ("topics", "sources", "timeline")] == first
    assert computed == 0
    assert await get(http, "topics", limit="7") == []
    assert computed == 1, "another query was answered from the cache"
    stats = (await http.get("/cache/stats")).json()
    assert stats == {
        "enabled": True,
        "available": True,
        "hits": 3,
        "misses": 4,
        "failures": 0,
        "hit_rate": 0.4286,
        "keys": 4,
    }
    assert cache.counts.hit_rate == 0.4286


async def test_after_any_change_of_a_count_no_answer_is_stale(world: World, http: httpx.AsyncClient) -> None:
    await world.publish(article(world), article(world, B))
    assert (await get(http))[0]["articles"] == 2
    await world.order(world.revocation(A))
    assert (await get(http))[0]["articles"] == 1
    await world.withhold(B)
    assert await get(http) == []
    await world.publish(world.article("up:c"))
    assert (await get(http))[0]["topic"] == "Markets"


async def test_the_cache_has_no_text_and_every_key_has_a_ttl(
    world: World, http: httpx.AsyncClient, valkey: "Redis"
) -> None:
    await world.publish(article(world))
    for what in ("topics", "sources", "timeline"):
        await get(http, what, source="s", language="en", license="Standard")
    keys = await valkey.keys()
    assert len(keys) == 3
    for key in keys:
        assert 0 < await valkey.pttl(key) <= 60_000
        both = repr((key, await valkey.get(key)))
        assert not [word for word in (SECRET, "Standard", "Daily") if word in both]


async def test_an_unavailable_cache_affects_no_answer_and_makes_the_service_degraded(
    world: World, http: httpx.AsyncClient
) -> None:
    await world.publish(article(world))
    async with Cache.connect("redis://127.0.0.1:1/0", 60) as away:
        object.__setattr__(world.service, "cache", away)
        assert (await get(http))[0]["articles"] == 1
        assert (await get(http))[0]["articles"] == 1
        assert (away.counts.failures, away.counts.hits) == (2, 0)
        stats = (await http.get("/cache/stats")).json()
        assert (stats["enabled"], stats["available"], stats["hit_rate"]) == (True, False, 0)
        cleared = await http.post("/admin/cache/clear", headers={"X-API-Key": "operator"})
        assert cleared.status_code == 503
        probes = Probes()
        probes.add("cache", away.check, required=False)
        assert await probes.check()
        assert (probes.ready, probes.status) == (True, "degraded")


async def test_a_failed_cache_is_used_again_after_the_cooldown(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "COOLDOWN_S", 0.05)
    async with Cache.connect(valkey_url, 60) as cache:
        client, cache._client = cache._client, Redis(port=1, retry=Retry(NoBackoff(), 0))
        cache_version = uuid4()
        await cache.put(cache_version, ["q"], [[1, 2, 3]])
        assert await cache.get(cache_version, ["q"]) is None
        cache._client = client

        async def back() -> bool:
            await cache.put(cache_version, ["q"], [[1, 2, 3]])
            return await cache.get(cache_version, ["q"]) == [[1, 2, 3]]

        await until(back, what="the cache is used again")


async def test_clearing_deletes_only_our_keys(http: httpx.AsyncClient, world: World, valkey: "Redis") -> None:
    await world.publish(article(world))
    await get(http)
    await valkey.set("others", b"1")
    cleared = await http.post("/admin/cache/clear", headers={"X-API-Key": "operator"})
    assert (cleared.status_code, cleared.json()) == (200, {"removed": 1})
    assert await valkey.keys() == [b"others"]


async def test_the_probe_passes_with_an_answering_cache_and_without_one(cache: Cache) -> None:
    assert await cache.check() is None
    assert await Cache(None, 60).check() == "not configured"
