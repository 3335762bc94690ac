"""The buckets of all replicas in Valkey: shared, expiring, and replaced by those of the process while it is away."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from clawback_common.clock import SystemClock
from clawback_common.http.probes import Probes
from clawback_common.http.rate_limits import buckets as buckets_module
from clawback_common.http.rate_limits.buckets import TIMEOUT_S, LocalBuckets, SharedBuckets
from clawback_common.http.rate_limits.limit import Bucket, Limit
from clawback_common.http.rate_limits.limiter import RateLimiter
from clawback_common.telemetry.metrics import REGISTRY
from clawback_testing.network import Network, network
from clawback_testing.waiting import until

pytestmark = pytest.mark.integration
FAST = Limit(1_200, 5)
"""A token every 50 ms."""
SLOW = Limit(1, 5)
"""No new token during a test."""
Take = Callable[[Sequence[Bucket]], Awaitable[list[int]]]


def bucket(client: str = "a", limit: Limit = SLOW) -> Bucket:
    return Bucket("reads", f"limits:test:reads:{client}", limit)


@asynccontextmanager
async def limiter(url: str) -> AsyncIterator[RateLimiter]:
    async with aclosing(RateLimiter.of(url, SystemClock())) as made:
        yield made


@pytest_asyncio.fixture(params=["shared", "local"])
async def take(request: pytest.FixtureRequest, valkey: "Redis") -> Take:
    """Takes tokens from an empty store of either kind."""
    if request.param == "shared":
        return SharedBuckets(valkey, SystemClock()).take
    local = LocalBuckets()

    async def taken(buckets: Sequence[Bucket]) -> list[int]:
        return local.take(buckets)

    return taken


async def admitted(take: Take, count: int, *buckets: Bucket) -> int:
    """Take a number of tokens and return how many there were."""
    found = [await take(buckets) for _ in range(count)]
    return sum(all(us <= one.limit.fill_us for one, us in zip(buckets, each, strict=True)) for each in found)


async def test_a_bucket_gives_its_burst_and_refills_with_time(take: Take) -> None:
    assert await admitted(take, 8, bucket(limit=FAST)) == 5
    await asyncio.sleep(0.11)
    assert await admitted(take, 5, bucket(limit=FAST)) == 2
    await asyncio.sleep(0.4)
    assert await admitted(take, 8, bucket(limit=FAST)) == 5


async def test_a_token_is_taken_from_every_bucket_or_from_none(take: Take) -> None:
    total = bucket("total", Limit(1, 3))
    assert await admitted(take, 3, bucket("a"), total) == 3
    assert await admitted(take, 10, bucket("b"), total) == 0
    assert await admitted(take, 10, bucket("b")) == 5, "refused requests took tokens"


async def test_a_lower_limit_applies_to_a_bucket_that_was_used_with_a_higher_one(take: Take) -> None:
    assert await admitted(take, 100, bucket(limit=Limit(60, 100))) == 100
    (full_in_us,) = await take([bucket(limit=FAST)])
    assert full_in_us == FAST.fill_us + FAST.token_us


async def test_replicas_share_one_bucket(valkey: "Redis", valkey_url: str) -> None:
    assert valkey is not None
    async with limiter(valkey_url) as one, limiter(valkey_url) as two:
        decisions = await asyncio.gather(*(each.take([bucket()]) for each in (one, two) * 10))
    assert sum(decision.admitted for decision in decisions) == 5


async def test_a_key_expires_when_its_bucket_is_full(valkey: "Redis") -> None:
    shared = SharedBuckets(valkey, SystemClock())
    await shared.take([bucket("a", FAST), bucket("b", SLOW)])
    assert 0 < await valkey.pttl(bucket("a").key) <= 50
    assert 50_000 < await valkey.pttl(bucket("b").key) <= 60_000

    async def gone() -> bool:
        return await valkey.keys() == [bucket("b").key.encode()]

    await until(gone, what="the idle key is gone")


async def test_ten_thousand_addresses_leave_only_keys_that_expire(valkey: "Redis") -> None:
    shared = SharedBuckets(valkey, SystemClock())
    total = bucket("total", Limit(1_000_000, 100_000))
    for first in range(0, 10_000, 100):
        clients = (bucket(str(number), Limit(60, 10)) for number in range(first, first + 100))
        await asyncio.gather(*(shared.take([client, total]) for client in clients))
    found = await valkey.info("keyspace")
    assert found["db0"]["keys"] == found["db0"]["expires"]


async def test_a_server_that_forgot_the_script_gets_it_again(valkey: "Redis") -> None:
    shared = SharedBuckets(valkey, SystemClock())
    assert await admitted(shared.take, 2, bucket()) == 2
    await valkey.script_flush()
    assert await admitted(shared.take, 8, bucket()) == 3


def local_decisions() -> float:
    return REGISTRY.get_sample_value("rate_limit_local_decisions_total") or 0


def network_to(valkey_url: str) -> AbstractAsyncContextManager[Network]:
    """A network to Valkey that can fail."""
    parts = urlsplit(valkey_url)
    return network(parts.hostname or "", parts.port or 6379)


def through(between: Network, valkey_url: str) -> str:
    """The address of Valkey through this network."""
    return f"redis://127.0.0.1:{between.port}{urlsplit(valkey_url).path}"


@pytest.mark.usefixtures("valkey")
async def test_when_redis_dies_in_the_middle_local_limits_apply(valkey_url: str) -> None:
    async with AsyncExitStack() as connection:
        between = await connection.enter_async_context(network_to(valkey_url))
        async with limiter(through(between, valkey_url)) as one:
            assert [(await one.take([bucket()])).left for _ in range(3)] == [4, 3, 2]
            before = local_decisions()
            await connection.aclose()
            assert [(await one.take([bucket()])).left for _ in range(7)] == [4, 3, 2, 1, 0, -1, -1]
            assert local_decisions() == before + 7


async def test_without_redis_each_process_limits_alone_and_health_is_degraded() -> None:
    async with limiter("redis://127.0.0.1:1/0") as one:
        before = local_decisions()
        decisions = [await one.take([bucket()]) for _ in range(8)]
        assert [decision.admitted for decision in decisions] == [True] * 5 + [False] * 3
        assert local_decisions() == before + 8
        probes = Probes()
        probes.add("rate limits", one.check, required=False)
        assert await probes.check()
        assert probes.status == "degraded"
        assert probes.results["rate limits"].detail == "Transient: Redis does not answer (ConnectionError)"


@pytest.mark.usefixtures("valkey")
async def test_redis_that_goes_silent_delays_one_request_and_local_limits_apply(
    valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets_module, "COOLDOWN_S", 0.3)
    async with network_to(valkey_url) as between, limiter(through(between, valkey_url)) as one:
        assert (await one.take([bucket()])).left == 4
        between.go_silent()
        began_s = time.monotonic()
        assert (await one.take([bucket()])).left == 4, "the first decision of the local bucket"
        waited_s = time.monotonic() - began_s
        assert TIMEOUT_S <= waited_s < 5 * TIMEOUT_S
        began_s = time.monotonic()
        assert [(await one.take([bucket()])).admitted for _ in range(6)] == [True] * 4 + [False] * 2
        assert time.monotonic() - began_s < TIMEOUT_S, "a request waited for Redis again"
        between.recover()

        async def shared_again() -> bool:
            return (await one.take([bucket()])).admitted

        await until(shared_again, what="the shared bucket is used again")


async def test_the_probe_says_when_no_redis_is_configured() -> None:
    async with aclosing(RateLimiter.of(None, SystemClock())) as alone:
        assert await alone.check() == "REDIS_URL is not set: each process limits alone"
        assert (await alone.take([bucket()])).left == 4
