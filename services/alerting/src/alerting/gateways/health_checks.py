"""Health checks of all parts of the system. They run in parallel, each with a timeout; callers share one round."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import orjson
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis
from redis.exceptions import RedisError

from alerting.domain.health import Answer, HealthSnapshot, failing_checks
from alerting.gateways import broker
from alerting.settings import SERVICE_NAMES, Settings
from clawback_common.clock import Clock
from clawback_common.errors import Transient
from clawback_common.http.client import bearer
from clawback_common.postgres import Database
from clawback_common.telemetry import describe

FRESH_S = 2.0
"""How long an answer is reused, so that many probes do not cause many checks."""
OWN = "alerting"
JOBS_CHECKED_MAX = 100
CLOSE_S_MAX = 5.0
_SILENT = "no answer"


class HealthChecks:
    """Checks every part of the system."""

    def __init__(
        self, settings: Settings, db: Database, clock: Clock, http: httpx.AsyncClient, redis: Redis
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._http = http
        self._redis = redis
        self._ping = SharedProbe(lambda: broker.ping(settings))
        self._lag = SharedProbe(lambda: broker.lag(settings, SERVICE_NAMES))
        self._lock = asyncio.Lock()
        self._last: tuple[float, HealthSnapshot] | None = None

    async def ask(self) -> HealthSnapshot:
        """Returns all answers, at most two seconds old."""
        async with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > FRESH_S:
                snapshot = await self._round()
                self._last = time.monotonic(), snapshot
            return self._last[1]

    async def close(self) -> None:
        """Waits for the checks that are still running."""
        await self._ping.close()
        await self._lag.close()

    async def _round(self) -> HealthSnapshot:
        checks: dict[str, Awaitable[Answer]] = {
            "database": self._timed(self._database),
            "broker": self._timed(self._ping.ask),
            "lags": self._timed(self._lag.ask),
            "cache": self._timed(self._cache),
            "feeds": self._get("ingester", "/api/v1/feeds", _items),
        }
        for name in SERVICE_NAMES:
            api = f"/api/v1/{name}"
            checks |= {
                f"api {name}": self._own() if name == OWN else self._get(name, "/readyz", _json),
                f"worker {name}": self._get(f"{name}-worker", "/readyz", _json),
                f"outbox {name}": self._get(f"{name}-worker", "/metrics", _outboxes),
                f"jobs {name}": self._get(name, f"{api}/jobs?limit={JOBS_CHECKED_MAX}", _items),
                f"detail {name}": self._own()
                if name == OWN
                else self._get(name, f"{api}/health/detailed", _json),
            }
        answers = dict(zip(checks, await asyncio.gather(*checks.values()), strict=True))

        def of(kind: str) -> Mapping[str, Answer]:
            return {name: answers[f"{kind} {name}"] for name in SERVICE_NAMES}

        return HealthSnapshot(
            self._clock.now(),
            answers["database"],
            answers["broker"],
            answers["lags"],
            answers["cache"],
            of("api"),
            of("worker"),
            of("outbox"),
            of("jobs"),
            answers["feeds"],
            of("detail"),
        )

    async def _own(self) -> Answer:
        """Alerting's API itself, which is answering."""
        return Answer(ok=True)

    async def _timed(self, check: Callable[[], Awaitable[Any]]) -> Answer:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._settings.health_timeout_s):
                body = await check()
        except TimeoutError:
            return Answer(ok=False, ms=_ms(started), error=f"{_SILENT} in time", late=True)
        except httpx.HTTPError as error:
            return Answer(ok=False, ms=_ms(started), error=f"{_SILENT} ({type(error).__name__})")
        except (Transient, RedisError, OSError) as error:
            return Answer(ok=False, ms=_ms(started), error=describe(error))
        return Answer(ok=True, ms=_ms(started), body=body)

    async def _database(self) -> None:
        await self._db.fetchval("SELECT 1")

    async def _cache(self) -> tuple[int, int]:
        stats = await self._redis.info("stats")
        return int(stats.get("keyspace_hits", 0)), int(stats.get("keyspace_misses", 0))

    async def _get(self, name: str, path: str, read: Callable[[bytes], Any]) -> Answer:
        base = self._settings.services.get(name)
        if base is None:
            return Answer(ok=False, error="its address is not in SERVICES")
        url = f"{str(base).rstrip('/')}{path}"
        answer = await self._timed(lambda: self._http.get(url, headers=self._headers()))
        if not answer.ok:
            return answer
        response = answer.body
        try:
            body = read(response.content)
        except (ValueError, TypeError, AttributeError, KeyError):
            body = None
        if response.status_code != httpx.codes.OK:
            return replace(answer, ok=False, error=_not_ready(response.status_code, body), body=body)
        if body is None:
            return replace(answer, ok=False, error="an answer that cannot be decoded", body=None)
        return replace(answer, body=body)

    def _headers(self) -> dict[str, str]:
        try:
            return bearer(self._settings.services_api_key_file)
        except Transient:
            return {}


class SharedProbe:
    """A check that is not cancelled when a caller's timeout expires, because the client would leak its connections.

    All callers share the running check.
    """

    def __init__(self, check: Callable[[], Awaitable[Any]]) -> None:
        self._check = check
        self._task: asyncio.Future[Any] | None = None

    async def ask(self) -> Any:
        """Returns the answer; a caller that gives up leaves the check running for the next one."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._check())
        task = self._task
        await asyncio.wait({task})
        if self._task is task:
            self._task = None
        return task.result()

    async def close(self) -> None:
        """Waits for the running check."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSE_S_MAX)


def _ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def _not_ready(status: int, body: Any) -> str:
    failing = failing_checks(body)
    return f"not ready: {', '.join(failing)}" if failing else f"status {status}"


def _json(raw: bytes) -> dict[str, Any]:
    body = orjson.loads(raw)
    if not isinstance(body, dict):
        raise TypeError("not a JSON object")
    return body


def _items(raw: bytes) -> list[dict[str, Any]]:
    return [dict(item) for item in _json(raw)["items"]]


def _outboxes(raw: bytes) -> tuple[int, float]:
    """Reads from a worker's metrics how many messages wait in its outboxes, and the age of the oldest in seconds."""
    waiting, oldest = 0.0, 0.0
    for family in text_string_to_metric_families(raw.decode()):
        for sample in family.samples:
            if sample.name == "outbox_waiting_messages":
                waiting += sample.value
            elif sample.name == "outbox_oldest_seconds":
                oldest = max(oldest, sample.value)
    return int(waiting), oldest
