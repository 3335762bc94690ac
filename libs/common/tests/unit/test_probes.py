"""Liveness, readiness, draining."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from clawback_common.errors import Transient
from clawback_common.http.probe_app import probe_app
from clawback_common.http.probes import Probes
from clawback_common.service.process import ShutdownEvent

from .conftest import Logged


@pytest.fixture
def probes() -> Probes:
    return Probes(timeout_s=0.05)


@pytest.fixture
async def client(probes: Probes) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(probe_app(probes))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def _healthy() -> str | None:
    return None


async def _unavailable() -> str | None:
    raise Transient("the database is away")


async def _hangs() -> str | None:
    await asyncio.sleep(60)
    return None


async def test_it_is_not_ready_before_its_checks_have_passed(
    client: httpx.AsyncClient, probes: Probes
) -> None:
    probes.add("database", _healthy)
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "checks": {"database": {"ok": False, "detail": "not checked yet"}},
    }
    assert await probes.check()
    response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"ready": True, "checks": {"database": {"ok": True, "detail": None}}}


async def test_one_failing_check_makes_it_unready_with_its_reason(
    client: httpx.AsyncClient, probes: Probes
) -> None:
    probes.add("broker", _healthy)
    probes.add("database", _unavailable)
    assert not await probes.check()
    response = await client.get("/readyz")
    assert response.json()["checks"]["database"] == {"ok": False, "detail": "Transient: the database is away"}


async def test_a_check_that_hangs_counts_as_failed(probes: Probes) -> None:
    probes.add("database", _hangs)
    assert not await probes.check()
    assert probes.results["database"].detail == "TimeoutError"


async def test_a_check_that_is_not_required_degrades(probes: Probes) -> None:
    probes.add("cache", _unavailable, required=False)
    assert await probes.check()
    assert _status(probes) == "degraded"
    probes.add("cache", _healthy, required=False)
    await probes.check()
    assert _status(probes) == "healthy"


async def test_while_draining_it_is_alive_and_not_ready(client: httpx.AsyncClient, probes: Probes) -> None:
    probes.draining = True
    assert (await client.get("/readyz")).status_code == 503
    assert "draining" in (await client.get("/readyz")).json()["checks"]
    assert (await client.get("/livez")).status_code == 200


async def test_a_change_of_readiness_is_logged_once(probes: Probes, logged: Logged) -> None:
    probes.add("database", _healthy)
    await probes.check()
    probes._checks["database"] = _unavailable
    await probes.check()
    await probes.check()
    changes = [line for line in logged() if line["event"] == "readiness changed"]
    assert [(line["check"], line["ok"]) for line in changes] == [("database", False)]


async def test_checks_are_watched_until_the_process_ends(probes: Probes) -> None:
    stopping, checked = ShutdownEvent(), asyncio.Event()

    async def check() -> str | None:
        checked.set()
        return "well"

    probes.add("database", check)
    watching = asyncio.create_task(probes.watch(stopping, every_s=0.01))
    await asyncio.wait_for(checked.wait(), 5)
    stopping.set()
    await asyncio.wait_for(watching, 5)
    assert probes.results["database"].detail == "well"


async def test_metrics_are_text_for_prometheus(client: httpx.AsyncClient) -> None:
    response = await client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "process_cpu_seconds_total" in response.text


def _status(probes: Probes) -> str:
    return probes.status
