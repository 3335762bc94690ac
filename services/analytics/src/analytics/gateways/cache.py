"""A cache of answers in Valkey (or Redis). It contains counts, ids of values, keys of sources, never content.

An answer is cached under the version of the counts that it was computed from. Each change of a count creates a new
version, so a stale answer is never found; unused answers expire by their time to live. No guarantee depends on the
cache: if it is unavailable, full or empty, queries are answered from the database.
"""

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from analytics.gateways import metrics
from clawback_common.errors import Transient

PREFIX = "analytics:"
TIMEOUT_S = 0.25
"""Longer than computing an answer takes."""
COOLDOWN_S = 1.0
"""After a failure, the cache is not used for this long, so that requests do not wait for it."""
SCANNED = 500
T = TypeVar("T")
Answer = list[list[Any]]


@dataclass(slots=True)
class CacheCounts:
    """The cache statistics of this process."""

    hits: int = 0
    misses: int = 0
    failures: int = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of hits; a failure counts as a miss. None: the cache was not used."""
        total = self.hits + self.misses + self.failures
        return round(self.hits / total, 4) if total else None


class Cache:
    """The cache of one process; without a client, nothing is cached."""

    def __init__(self, client: "Redis | None", ttl_s: float) -> None:
        self._client = client
        self._ttl_ms = int(ttl_s * 1000)
        self._cooldown_until = 0.0
        self.counts = CacheCounts()

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str | None, ttl_s: float) -> AsyncIterator["Cache"]:
        """Creates the cache; connects on first use, and closes at the end of the block."""
        if url is None:
            yield cls(None, ttl_s)
            return
        client: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=50,
        )
        try:
            yield cls(client, ttl_s)
        finally:
            await client.aclose()

    @property
    def enabled(self) -> bool:
        """Whether a cache is configured."""
        return self._client is not None

    async def get(self, version: UUID, question: Sequence[object]) -> Answer | None:
        """Returns the answer that is cached under this version."""
        if self._client is None:
            return None
        try:
            found = await self._ask(self._client.get(_key(version, question)))
        except Transient:
            self.counts.failures += 1
            metrics.CACHE.labels("failure").inc()
            return None
        if found is None:
            self.counts.misses += 1
            metrics.CACHE.labels("miss").inc()
            return None
        self.counts.hits += 1
        metrics.CACHE.labels("hit").inc()
        answer: Answer = orjson.loads(found)
        return answer

    async def put(self, version: UUID, question: Sequence[object], answer: Answer) -> None:
        """Caches an answer; does nothing if the cache is unavailable."""
        if self._client is not None:
            try:
                await self._ask(
                    self._client.set(_key(version, question), orjson.dumps(answer), px=self._ttl_ms)
                )
            except Transient:
                metrics.CACHE.labels("failure").inc()

    async def check(self) -> str | None:
        """The readiness check.

        Raises:
            Transient: it does not answer.
        """
        if self._client is None:
            return "not configured"
        await self._ask(self._client.ping(), ignore_cooldown=True)
        return None

    async def keys(self) -> int:
        """Counts the cached answers.

        Raises:
            Transient: it does not answer.
        """
        return sum([len(some) async for some in self._ours()])

    async def clear(self) -> int:
        """Deletes all cached answers.

        Returns:
            The number of deleted answers.

        Raises:
            Transient: it does not answer.
        """
        return await self._unlink(only_without_ttl=False)

    async def without_ttl(self) -> int:
        """Counts our keys without a time to live; this service writes none.

        Raises:
            Transient: it does not answer.
        """
        return sum([len(await self._without_end(some)) async for some in self._ours()])

    async def remove_without_ttl(self) -> int:
        """Deletes our keys without a time to live.

        Raises:
            Transient: it does not answer.
        """
        return await self._unlink(only_without_ttl=True)

    async def _unlink(self, *, only_without_ttl: bool) -> int:
        removed = 0
        async for some in self._ours():
            selected = await self._without_end(some) if only_without_ttl else some
            if selected and self._client is not None:
                removed += int(await self._ask(self._client.unlink(*selected), ignore_cooldown=True))
        return removed

    async def _ours(self) -> AsyncIterator[list[bytes | str]]:
        cursor = 0
        while self._client is not None:
            cursor, some = await self._ask(
                self._client.scan(cursor, match=f"{PREFIX}*", count=SCANNED), ignore_cooldown=True
            )
            if some:
                yield some
            if not cursor:
                return

    async def _without_end(self, keys: Sequence[bytes | str]) -> list[bytes | str]:
        if self._client is None:
            return []
        async with self._client.pipeline(transaction=False) as pipe:
            _ = [pipe.ttl(key) for key in keys]  # the commands are queued; the pipeline sends them together
            ends: list[int] = await self._ask(pipe.execute(), ignore_cooldown=True)
        return [key for key, end in zip(keys, ends, strict=True) if end == -1]

    async def _ask(self, call: Awaitable[T], *, ignore_cooldown: bool = False) -> T:
        """Awaits a call. During the cooldown after a failure it raises at once, unless that is ignored."""
        if not ignore_cooldown and time.monotonic() < self._cooldown_until:
            if hasattr(call, "close"):
                call.close()
            raise Transient("the cache failed a moment ago")
        try:
            return await call
        except (RedisError, OSError, TimeoutError) as error:
            self._cooldown_until = time.monotonic() + COOLDOWN_S
            raise Transient(f"the cache does not answer ({type(error).__name__})") from None


def _key(version: UUID, question: Sequence[object]) -> str:
    digest = hashlib.sha256(orjson.dumps(question)).hexdigest()[:32]
    return f"{PREFIX}{version.hex}:{digest}"
