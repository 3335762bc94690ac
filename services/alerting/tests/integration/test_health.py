"""The health of the whole system: each part's state follows its faults and recovery.

Database, cache and broker are real and are reached through proxies that can be cut; the services are fakes on real
sockets. tests/story and tests/resilience stop real services.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
import pytest_asyncio
from pydantic import AnyHttpUrl, SecretStr

from alerting.domain import health
from alerting.gateways import health_checks
from alerting.service import SERVICE, assemble
from alerting.settings import SERVICE_NAMES
from clawback_common.clock import SystemClock
from clawback_common.http.probes import Probes
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.service.api import application
from clawback_local.config import claimed
from services.alerting.tests.integration.conftest import World
from services.alerting.tests.integration.processes import FakePeer

pytestmark = pytest.mark.integration
SYNCED = "2026-03-01T10:00:00+00:00"


class Proxy:
    """A proxy to a server. While it is cut, connections break and new ones are refused."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Forwards connections."""
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Breaks and refuses connections."""
        if self._server:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            answers, target = await asyncio.open_connection(*self._target)
            try:
                await asyncio.gather(_pump(reader, target), _pump(answers, writer))
            finally:
                target.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@dataclass
class System:
    """The system that health checks."""

    http: httpx.AsyncClient
    peers: dict[str, FakePeer]
    proxies: dict[str, Proxy]

    async def health(self) -> tuple[int, dict[str, object], dict[str, str]]:
        """Status, body, and the parts that are not up."""
        response = await self.http.get("/health")
        body = response.json()
        not_up = {name: part["status"] for name, part in body["services"].items() if part["status"] != "up"}
        return response.status_code, body, not_up


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disables the reuse of answers, unless a test enables it."""
    monkeypatch.setattr(health_checks, "FRESH_S", -1.0)


@asynccontextmanager
async def proxy(url: str, default_port: int) -> AsyncIterator[tuple[Proxy, str]]:
    parts = httpx.URL(url)
    server = Proxy(parts.host, parts.port or default_port)
    await server.open()
    try:
        yield server, str(parts.copy_with(port=server.port))
    finally:
        await server.cut()


@pytest_asyncio.fixture
async def system(
    world: World, database_url: str, kafka_bootstrap: str, valkey_url: str
) -> AsyncIterator[System]:
    """Fake services that answer, a database and a cache behind proxies, a real broker."""
    names = {f"{name}-{role}": 0 for name in SERVICE_NAMES for role in ("api", "worker")}
    with claimed({name: 18000 + n for n, name in enumerate(names)}, prefer_documented=False) as ports:
        peers = {
            name: FakePeer(name, ports[f"{name}-api"], ports[f"{name}-worker"]) for name in SERVICE_NAMES
        }
        peers["ingester"].feeds = [{"name": "metabase-articles", "state": "ok", "last_complete_at": SYNCED}]
        for peer in peers.values():
            await peer.start()
        addresses = {name: f"http://127.0.0.1:{peer.api_port}" for name, peer in peers.items()} | {
            f"{name}-worker": f"http://127.0.0.1:{peer.worker_port}" for name, peer in peers.items()
        }
        async with (
            proxy(database_url, 5432) as (db_proxy, url),
            proxy(valkey_url, 6379) as (cache_proxy, redis_url),
            proxy(f"kafka://{kafka_bootstrap}", 9092) as (broker_proxy, kafka_url),
        ):
            settings = world.service.settings.model_copy(
                update={
                    "services": {name: AnyHttpUrl(url) for name, url in addresses.items()},
                    "kafka_bootstrap_servers": kafka_url.removeprefix("kafka://"),
                    "redis_url": SecretStr(redis_url),
                    "health_timeout_s": 5.0,
                }
            )
            async with Database.connect(url, connections_max=4, name="health") as db:
                service = assemble(settings, db, SystemClock(), PriorityOutbox(), world.service.routing)
                app = application(SERVICE, service, Probes())
                transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
                async with (
                    app.router.lifespan_context(app),
                    httpx.AsyncClient(transport=transport, base_url="http://alerting/api/v1") as http,
                ):
                    proxies = {"database": db_proxy, "cache": cache_proxy, "broker": broker_proxy}
                    yield System(http, peers, proxies)
        for peer in peers.values():
            await peer.stop()


async def test_all_parts_that_run_are_up(system: System) -> None:
    status, body, not_up = await system.health()
    assert (status, body["status"], not_up) == (200, "healthy", {})
    assert set(body) == {"status", "timestamp", "version", "environment", "services", "metrics"}
    assert body["environment"] == "development"
    metrics = body["metrics"]
    assert isinstance(metrics, dict)
    assert set(metrics) == {
        "activeJobs",
        "pendingJobs",
        "failedJobs",
        "lastDataSync",
        "databaseLatencyMs",
        "cacheHitRate",
        "avgConfidence",
        "webhookSuccessRate",
        "totalUsers",
    }
    assert (metrics["lastDataSync"], metrics["pendingJobs"], metrics["avgConfidence"]) == (SYNCED, 10, None)
    assert metrics["databaseLatencyMs"] > 0
    assert metrics["totalUsers"] is None


@pytest.mark.parametrize("name", [name for name in SERVICE_NAMES if name != "alerting"])
async def test_a_service_is_degraded_without_api_or_worker_and_down_without_both(
    system: System, name: str
) -> None:
    peer = system.peers[name]
    await peer.stop_api()
    assert (await system.health())[2][name] == "degraded"
    await peer.stop_worker()
    status, body, not_up = await system.health()
    assert (not_up[name], body["status"], status) == ("down", "unhealthy", 503)
    assert not_up["jobWorker"] == "degraded"
    await peer.start()
    assert (await system.health())[2] == {}


async def test_alerting_itself_is_degraded_without_its_worker(system: System) -> None:
    await system.peers["alerting"].stop_worker()
    status, body, not_up = await system.health()
    assert (not_up["alerting"], body["status"], status) == ("degraded", "degraded", 200)


async def test_database_and_cache_are_down_while_their_connection_is_cut(system: System) -> None:
    await system.proxies["cache"].cut()
    status, body, not_up = await system.health()
    assert (not_up, body["status"], status) == ({"cache": "down"}, "degraded", 200)
    await system.proxies["cache"].open()
    await system.proxies["database"].cut()
    status, body, not_up = await system.health()
    assert (not_up["database"], body["status"], status) == ("down", "unhealthy", 503)
    assert "cache" not in not_up
    await system.proxies["database"].open()
    assert (await system.health())[2] == {}


async def test_the_broker_is_down_while_its_connection_is_cut(system: System) -> None:
    await system.proxies["broker"].cut()
    status, body, not_up = await system.health()
    assert (not_up["broker"], body["status"], status) == ("down", "unhealthy", 503)
    assert not_up["etlPipeline"] == "degraded"
    await system.proxies["broker"].open()
    assert (await system.health())[2] == {}


async def test_delayed_or_unreachable_webhooks_are_reported(system: System) -> None:
    system.peers["ingester"].webhook_s = 61
    assert (await system.health())[2] == {"webhookStatus": "degraded"}
    system.peers["ingester"].webhook_s = 0
    assert (await system.health())[2] == {}
    await system.peers["ingester"].stop_api()
    assert (await system.health())[2]["webhookStatus"] == "down"


async def test_pipeline_queues_and_jobs_reflect_their_parts(system: System) -> None:
    system.peers["ingester"].feeds = [{"name": "metabase-articles", "state": "failing"}]
    assert (await system.health())[2] == {"etlPipeline": "degraded"}
    system.peers["ingester"].feeds = []
    system.peers["retention"].oldest_s = 600
    assert (await system.health())[2] == {"jobQueues": "degraded"}
    system.peers["retention"].oldest_s = 0
    failed = {
        "job": "run",
        "outcome": "failed",
        "started_at": datetime.now(UTC).isoformat(),
        "ended_at": None,
    }
    system.peers["compliance"].runs = [failed]
    _, body, not_up = await system.health()
    assert not_up == {"backgroundJobs": "degraded"}
    assert isinstance(body["metrics"], dict)
    assert body["metrics"]["failedJobs"] == 1
    for name in ("ingester", "analytics"):
        await system.peers[name].stop()
    assert (await system.health())[2]["etlPipeline"] == "down"


async def test_a_hanging_part_delays_health_only_by_its_timeout(system: System) -> None:
    port = system.peers["retention"].api_port
    await system.peers["retention"].stop_api()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    hanging = await asyncio.start_server(hang, "127.0.0.1", port)
    started = time.monotonic()
    _, body, not_up = await system.health()
    assert time.monotonic() - started < 8
    assert not_up["retention"] == "degraded"
    assert "no answer in time" in json.dumps(body)
    hanging.close()


async def test_concurrent_probes_share_one_round_of_checks(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_checks, "FRESH_S", 60.0)
    await system.health()
    before = system.peers["ingester"].requests
    await asyncio.gather(*(system.health() for _ in range(50)))
    assert system.peers["ingester"].requests == before


async def test_the_details_include_lags_dead_letters_pool_and_last_job_successes(system: System) -> None:
    done = {"job": "run", "outcome": "done", "started_at": SYNCED, "ended_at": SYNCED}
    system.peers["compliance"].runs = [done]
    for path in ("/health/detailed", "/admin/health/detailed"):
        body = (await system.http.get(path)).json()
        assert body["lastDone"] == {"compliance/run": SYNCED}
        assert set(body["deadLetters"]) == {f"{name}.dlq.v1" for name in SERVICE_NAMES}
        assert body["pool"]["max"] == 4
        assert body["outboxes"]["ingester"] == {"waiting": 2, "oldestSeconds": 0.0}
        assert {"uptimeSeconds", "memory", "versions", "lags", "services", "metrics"} <= set(body)


def test_the_limits_are_as_documented() -> None:
    assert (health.OLDEST_MAX_S, health.LAG_MAX_MESSAGES) == (60.0, 10_000)
