"""Answers kept for a while in Valkey (or Redis): numbers that stand for values, and counts. Never a word.

An answer is kept under the mark of the counts that it was computed from. Every change of a count makes another mark, so
that no stale answer can be found, and what is not asked for again goes by its time to live. The cache is no part of any
promise: away, full or emptied, every question is answered from the database.
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
"""Longer than a computed answer takes, it need not be waited for."""
LEFT_ALONE_S = 1.0
"""After a failure nobody is made to wait for it again for so long."""
SCANNED = 500
T = TypeVar("T")
Answer = list[list[Any]]


@dataclass(slots=True)
class Tried:
    """How often this process has asked the cache."""

    hits: int = 0
    misses: int = 0
    failures: int = 0

    @property
    def hit_rate(self) -> float | None:
        """Of all that was asked, a failure is a miss; None: nothing was."""
        asked = self.hits + self.misses + self.failures
        return round(self.hits / asked, 4) if asked else None


class Cache:
    """Of one process; without a client, nothing is kept."""

    def __init__(self, client: "Redis | None", ttl_s: float) -> None:
        self._client = client
        self._ttl_ms = int(ttl_s * 1000)
        self._left_alone_until = 0.0
        self.tried = Tried()

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str | None, ttl_s: float) -> AsyncIterator["Cache"]:
        """Opens nothing before it is used; closed with the block."""
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
        """Whether there is one at all."""
        return self._client is not None

    async def get(self, mark: UUID, question: Sequence[object]) -> Answer | None:
        """The answer that was kept under this mark."""
        if self._client is None:
            return None
        try:
            found = await self._ask(self._client.get(_key(mark, question)))
        except Transient:
            self.tried.failures += 1
            metrics.CACHE.labels("failure").inc()
            return None
        if found is None:
            self.tried.misses += 1
            metrics.CACHE.labels("miss").inc()
            return None
        self.tried.hits += 1
        metrics.CACHE.labels("hit").inc()
        answer: Answer = orjson.loads(found)
        return answer

    async def put(self, mark: UUID, question: Sequence[object], answer: Answer) -> None:
        """Keeps an answer; where it cannot, it does not."""
        if self._client is not None:
            try:
                await self._ask(self._client.set(_key(mark, question), orjson.dumps(answer), px=self._ttl_ms))
            except Transient:
                metrics.CACHE.labels("failure").inc()

    async def check(self) -> str | None:
        """For the probes.

        Raises:
            Transient: it does not answer.
        """
        if self._client is None:
            return "not configured"
        await self._ask(self._client.ping(), patiently=True)
        return None

    async def keys(self) -> int:
        """How many answers are kept.

        Raises:
            Transient: it does not answer.
        """
        return sum([len(some) async for some in self._ours()])

    async def clear(self) -> int:
        """Forgets every answer. Gives how many.

        Raises:
            Transient: it does not answer.
        """
        return await self._unlink(only_undying=False)

    async def without_ttl(self) -> int:
        """How many of our keys have no time to live: not one that we have written.

        Raises:
            Transient: it does not answer.
        """
        return sum([len(await self._without_end(some)) async for some in self._ours()])

    async def remove_undying(self) -> int:
        """Removes these.

        Raises:
            Transient: it does not answer.
        """
        return await self._unlink(only_undying=True)

    async def _unlink(self, *, only_undying: bool) -> int:
        removed = 0
        async for some in self._ours():
            doomed = await self._without_end(some) if only_undying else some
            if doomed and self._client is not None:
                removed += int(await self._ask(self._client.unlink(*doomed), patiently=True))
        return removed

    async def _ours(self) -> AsyncIterator[list[bytes | str]]:
        cursor = 0
        while self._client is not None:
            cursor, some = await self._ask(
                self._client.scan(cursor, match=f"{PREFIX}*", count=SCANNED), patiently=True
            )
            if some:
                yield some
            if not cursor:
                return

    async def _without_end(self, keys: Sequence[bytes | str]) -> list[bytes | str]:
        if self._client is None:
            return []
        async with self._client.pipeline(transaction=False) as pipe:
            _ = [pipe.ttl(key) for key in keys]  # nothing is sent, or to be awaited, before all of them are
            ends: list[int] = await self._ask(pipe.execute(), patiently=True)
        return [key for key, end in zip(keys, ends, strict=True) if end == -1]

    async def _ask(self, asked: Awaitable[T], *, patiently: bool = False) -> T:
        """Asks; who is answering a reader is not made to wait for a cache that has just failed."""
        if not patiently and time.monotonic() < self._left_alone_until:
            if hasattr(asked, "close"):
                asked.close()
            raise Transient("the cache was away a moment ago")
        try:
            return await asked
        except (RedisError, OSError, TimeoutError) as error:
            self._left_alone_until = time.monotonic() + LEFT_ALONE_S
            raise Transient(f"the cache does not answer ({type(error).__name__})") from None


def _key(mark: UUID, question: Sequence[object]) -> str:
    digest = hashlib.sha256(orjson.dumps(question)).hexdigest()[:32]
    return f"{PREFIX}{mark.hex}:{digest}"
