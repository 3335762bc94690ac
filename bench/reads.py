"""``reads.rate_limit``: the time that the rate limit adds to a read, with Valkey on this machine.

The limit is one ``PING`` by the same client: no limiter over all replicas can ask less.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from redis.asyncio import Redis
from starlette.types import Message, Receive, Scope, Send

from bench import results
from bench.results import Result
from clawback_common.clock import SystemClock
from clawback_common.config.settings import CommonSettings
from clawback_common.http.rate_limits.budgets import Budgets
from clawback_common.http.rate_limits.limiter import RateLimiter
from clawback_common.http.rate_limits.middleware import RateLimit, RateLimits
from clawback_common.service.event_loop import Loop
from clawback_local import Stack

WARM_UP = 200
P50_S_MAX = 0.001
SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/api/v1/articles",
    "headers": [(b"host", b"clawback.example")],
    "client": ("203.0.113.7", 50_000),
}


def run(samples: int) -> list[Result]:
    """Measures this many requests, and as many calls of Valkey, in turn."""
    with Stack(parts=("valkey",)) as stack, asyncio.Runner(loop_factory=Loop) as runner:
        limited_s, ping_s = runner.run(_measured(stack.env["REDIS_URL"], samples))
    p50, ping = statistics.median(limited_s), statistics.median(ping_s)
    p95 = statistics.quantiles(limited_s, n=20, method="inclusive")[-1]
    return [
        Result("reads.rate_limit", p50 * 1000, "ms", ping * 1000, p50 / ping, "≤ 1 ms", p50 <= P50_S_MAX),
        results.at_most("reads.rate_limit.p95", p95 * 1000, "ms", 5.0),
    ]


async def _measured(url: str, samples: int) -> tuple[list[float], list[float]]:
    settings = CommonSettings(rate_limit_global_rps=1e6, rate_limit_per_ip_rps=1e6)
    async with aclosing(RateLimiter.of(url, SystemClock())) as limiter, Redis.from_url(url) as redis:
        limits = RateLimits(Budgets("bench", settings, {}), limiter, ())
        app = RateLimit(_answer, SystemClock(), limits)
        limited_s, ping_s = [], []
        for _ in range(WARM_UP + samples):
            limited_s.append(await _timed(lambda: app(dict(SCOPE), _receive, _send)))
            ping_s.append(await _timed(redis.ping))
    return limited_s[WARM_UP:], ping_s[WARM_UP:]


async def _timed(call: Callable[[], Awaitable[object]]) -> float:
    began_s = time.perf_counter()
    await call()
    return time.perf_counter() - began_s


async def _answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answers at once, so that the rest of the time is the limit's."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    if message.get("status", 200) != 200:  # noqa: PLR2004 - a refused request measures nothing
        raise AssertionError("a request was refused")
