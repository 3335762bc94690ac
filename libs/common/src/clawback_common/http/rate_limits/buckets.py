"""Token buckets: those of all replicas in Redis or Valkey, and those of one process.

Both take a token from each of the given buckets, or from none when one of them is empty, and return for each bucket
the microseconds until it is full with this token taken. More than it takes to fill: the request is refused.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Final, Self, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from clawback_common.breaker import Breaker
from clawback_common.clock import Clock
from clawback_common.errors import Transient
from clawback_common.http.rate_limits.limit import Bucket

T = TypeVar("T")
CONNECT_TIMEOUT_S: Final = 0.25
TIMEOUT_S: Final = 0.1
"""For an answer, which takes less than a millisecond."""
COOLDOWN_S: Final = 1.0
"""After a failure Redis is not asked for this long, so that requests do not wait for it."""
CONNECTIONS_MAX: Final = 200
"""Calls at the same time; beyond them the process limits alone for a moment, as if Redis had failed."""
BUCKETS_MAX: Final = 10_000
"""Buckets of one process, about 2 MB; the one that was used least recently is dropped."""
_SCRIPT = files(__package__ or "").joinpath("take.lua").read_text(encoding="utf-8")


class SharedBuckets:
    """The buckets in Redis: one call for each request, by the server's clock; idle ones expire."""

    def __init__(self, redis: "Redis", clock: Clock) -> None:
        self._redis = redis
        self._script = redis.register_script(_SCRIPT)
        self._breaker = Breaker("rate limits", clock, failures=1, open_s=COOLDOWN_S)

    @classmethod
    def at(cls, url: str, clock: Clock) -> Self:
        """Return the buckets at this address; connects on first use."""
        redis: Redis = Redis.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        return cls(redis, clock)

    async def take(self, buckets: Sequence[Bucket]) -> list[int]:
        """Take a token from each bucket.

        Raises:
            Transient: Redis does not answer, or failed a moment ago.
        """
        limits = [bucket.limit for bucket in buckets]
        arguments = [us for limit in limits for us in (limit.token_us, limit.fill_us)]
        with self._breaker.calling():
            return await _answer(self._script([bucket.key for bucket in buckets], arguments))

    async def ping(self) -> None:
        """Check that Redis answers, also after a failure.

        Raises:
            Transient: it does not.
        """
        await _answer(self._redis.ping())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._redis.aclose()


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except (RedisError, OSError, TimeoutError) as error:
        raise Transient(f"Redis does not answer ({type(error).__name__})") from None


class LocalBuckets:
    """The buckets of this process."""

    def __init__(self, now_us: Callable[[], int] = lambda: time.monotonic_ns() // 1_000) -> None:
        self._now_us = now_us
        self._full_at: dict[str, int] = {}

    def take(self, buckets: Sequence[Bucket]) -> list[int]:
        """Take a token from each bucket."""
        now = self._now_us()
        used = [self._used(bucket, now) for bucket in buckets]
        if all(us <= bucket.limit.fill_us for bucket, us in zip(buckets, used, strict=True)):
            for bucket, us in zip(buckets, used, strict=True):
                self._full_at.pop(bucket.key, None)
                self._full_at[bucket.key] = now + us
            while len(self._full_at) > BUCKETS_MAX:
                del self._full_at[next(iter(self._full_at))]
        return used

    def _used(self, bucket: Bucket, now: int) -> int:
        missing = max(self._full_at.get(bucket.key, 0) - now, 0)
        return min(missing, bucket.limit.fill_us) + bucket.limit.token_us
