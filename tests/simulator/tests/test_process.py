"""The program itself, over a real port."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from clawback_simulator.client import SimulatorClient

ANNOUNCED = "listening on "
PAUSE_S = 60.0
"""Longer than any machine needs between two calls; the test stops it."""


async def start(*arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """Starts a simulator process; returns it and the address that it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "clawback_simulator",
        "--port",
        "0",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "SIMULATOR_SEED": "23"},
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
    assert line.startswith(ANNOUNCED)
    return process, line.removeprefix(ANNOUNCED)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    process, url = await start("--publish", "12", "--pause-s", str(PAUSE_S))
    yield url
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) in {0, -signal.SIGTERM}


async def test_it_serves_fails_and_stops_on_request(url: str) -> None:
    async with SimulatorClient(url) as control, httpx.AsyncClient(base_url=url, timeout=5) as http:
        truth = await control.truth()
        assert truth.seed == 23
        assert len(truth.articles) == 12

        first = await http.get("/api/v10/articles?key=k&sequence_id=0&format=json")
        assert first.headers["content-encoding"] == "gzip"
        assert len(first.headers.get_list("date")) == 1
        assert [one["id"] for one in first.json()["articles"]] == [one.id for one in truth.articles]
        assert "1004" in (await http.get("/api/v10/articles?key=k&sequence_id=0")).text
        await control.set(pause_s=0)
        assert (await http.get("/api/v10/articles?key=k&format=json")).json()["status"] == "SUCCESS"

        await control.fail("articles", "reset")
        with pytest.raises(httpx.ReadError):
            await http.get("/api/v10/articles?key=k")
        await control.fail("articles", "hang", hang_s=30)
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/api/v10/articles?key=impatient", timeout=0.2)
        started = time.monotonic()
        assert (await http.get("/livez")).status_code == 200
        assert time.monotonic() - started < 1
        await asyncio.sleep(0.2)
        assert "impatient" not in {one.key for one in (await control.truth()).consumers}


async def test_a_port_in_use_is_reported() -> None:
    process, url = await start()
    try:
        second = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "clawback_simulator",
            "--port",
            url.rsplit(":", 1)[1],
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await asyncio.wait_for(second.communicate(), 20)
        assert second.returncode == 2
        assert errors.decode().startswith("cannot listen on 127.0.0.1:")
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
