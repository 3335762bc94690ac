"""Decides whether a request is admitted: over all replicas, or by this process alone while Redis is away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from clawback_common.clock import Clock
from clawback_common.errors import Transient
from clawback_common.http.rate_limits.buckets import LocalBuckets, SharedBuckets
from clawback_common.http.rate_limits.limit import Bucket
from clawback_common.telemetry.metrics import counter

SECOND_US: Final = 1_000_000
_LOCAL = counter(
    "rate_limit_local_decisions_total", "Requests limited by one process, because Redis was away"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on a request, by the bucket that has the fewest tokens.

    Attributes:
        bucket: the bucket.
        left: its tokens after this request; -1: it was empty, and the request is refused.
        next_us: microseconds until its next token.
    """

    bucket: Bucket
    left: int
    next_us: int

    @property
    def admitted(self) -> bool:
        """Whether there was a token."""
        return self.left >= 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers of draft-ietf-httpapi-ratelimit-headers-10."""
        name = self.bucket.name
        return {
            "RateLimit-Policy": f'"{name}";q={self.bucket.limit.quota};w=60',
            "RateLimit": f'"{name}";r={max(self.left, 0)};t={-(-self.next_us // SECOND_US)}',
        }


class RateLimiter:
    """The buckets of an API; without shared ones, each process limits alone."""

    def __init__(self, shared: SharedBuckets | None, local: LocalBuckets) -> None:
        self._shared = shared
        self._local = local

    @classmethod
    def of(cls, redis_url: str | None, clock: Clock) -> Self:
        """Return the limiter with the buckets at this address; connects on first use."""
        return cls(None if redis_url is None else SharedBuckets.at(redis_url, clock), LocalBuckets())

    async def take(self, buckets: Sequence[Bucket]) -> Decision:
        """Take a token from each bucket, or from none."""
        return decided(buckets, await self._take(buckets))

    async def _take(self, buckets: Sequence[Bucket]) -> list[int]:
        if self._shared is not None:
            try:
                return await self._shared.take(buckets)
            except Transient:
                _LOCAL.inc()
        return self._local.take(buckets)

    async def check(self) -> str | None:
        """The readiness check: Redis answers."""
        if self._shared is None:
            return "REDIS_URL is not set: each process limits alone"
        await self._shared.ping()
        return None

    async def aclose(self) -> None:
        """Close the connections."""
        if self._shared is not None:
            await self._shared.aclose()


def decided(buckets: Sequence[Bucket], full_in_us: Sequence[int]) -> Decision:
    """Return the decision from the microseconds that each bucket needs to be full with this token taken."""
    each = [_of_bucket(bucket, us) for bucket, us in zip(buckets, full_in_us, strict=True)]
    return min(each, key=lambda one: (one.left, -one.next_us))


def _of_bucket(bucket: Bucket, full_in_us: int) -> Decision:
    spare_us = bucket.limit.fill_us - full_in_us
    left = spare_us // bucket.limit.token_us
    return Decision(bucket, left, (left + 1) * bucket.limit.token_us - spare_us)
