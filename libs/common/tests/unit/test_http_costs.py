"""The cost of unauthenticated requests: no body is read too early, and no incomplete request is kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from clawback_common.http.app import create_app
from clawback_common.http.auth import Caller, require
from clawback_common.http.middleware import BODY_BYTES_MAX, RequestLimit
from clawback_common.http.probes import Probes
from clawback_common.http.protocol import DeadlineProtocol
from clawback_common.http.routing import Router
from clawback_common.service.process import ShutdownEvent, serve
from clawback_testing.clock import FakeClock


@dataclass
class Settings:
    """Settings of an API."""

    enable_auth: bool = True
    api_keys_file: Path | None = None


class Command(BaseModel):
    """A body that a role may send."""

    name: str


def _app(**more: Any) -> FastAPI:
    router = Router()

    @router.post("/commands")
    async def command(_: Annotated[Caller, Depends(require("officer"))], body: Command) -> str:
        return body.name

    @router.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "done"

    return create_app(
        title="Test",
        version="1",
        settings=Settings(),
        probes=Probes(),
        routers=[router],
        clock=FakeClock(),
        **more,
    )


async def _post(app: FastAPI, headers: list[tuple[bytes, bytes]], body_read: list[bool]) -> int:
    """Return the status of a POST that records whether its body was read."""
    status = 0

    async def receive() -> dict[str, Any]:
        body_read.append(True)
        return {"type": "http.request", "body": b'{"name": "x"}', "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/api/v1/commands",
        "raw_path": b"/api/v1/commands",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)
    return status


@pytest.mark.parametrize("headers", [[], [(b"x-api-key", b"wrong")], [(b"authorization", b"Bearer wrong")]])
async def test_a_body_is_not_read_before_the_key_is_checked(headers: list[tuple[bytes, bytes]]) -> None:
    body_read: list[bool] = []
    assert await _post(_app(), headers, body_read) == 401
    assert body_read == []


async def test_a_body_without_a_limit_of_its_own_is_small() -> None:
    async with _client(_app()) as client:
        response = await client.post("/api/v1/commands", content=b"x" * (BODY_BYTES_MAX + 1))
        assert response.status_code == 413


async def test_api_responses_are_not_cached() -> None:
    async with _client(_app()) as client:
        response = await client.get("/api/v1/slow")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_requests_over_the_limit_get_503_and_probes_still_answer() -> None:
    app = RequestLimit(_app(), FakeClock(), requests_max=2)
    async with _client(app) as client:
        requests = [asyncio.create_task(client.get("/api/v1/slow")) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await client.get("/livez")).status_code == 200
        responses = await asyncio.gather(*requests)
        assert sorted(response.status_code for response in responses) == [200, 200, 503]
        assert (await client.get("/api/v1/slow")).status_code == 200


async def test_slow_reads_do_not_use_the_capacity_of_commands() -> None:
    app = RequestLimit(_app(), FakeClock(), requests_max=3, reads_max=2)
    async with _client(app) as client:
        requests = [asyncio.create_task(client.get("/api/v1/slow")) for _ in range(4)]
        await asyncio.sleep(0.05)
        assert (await client.post("/api/v1/commands", json={})).status_code != 503
        responses = await asyncio.gather(*requests)
        assert sorted(response.status_code for response in responses) == [200, 200, 503, 503]


async def test_unauthenticated_requests_do_not_use_all_capacity() -> None:
    app = RequestLimit(_app(), FakeClock(), requests_max=3, by_prefix={"/api/v1/slow": 1})
    async with _client(app) as client:
        requests = [asyncio.create_task(client.get("/api/v1/slow")) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert (await client.post("/api/v1/commands", json={})).status_code != 503
        responses = await asyncio.gather(*requests)
        assert sorted(response.status_code for response in responses) == [200, 503, 503]
        assert (await client.get("/api/v1/slow")).status_code == 200


@pytest.fixture
def _short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DeadlineProtocol, "head_s_max", 0.2)
    monkeypatch.setattr(DeadlineProtocol, "body_s_max", 0.4)


HALF_OPEN = {
    "nothing": b"",
    "half a head": b"POST /api/v1/commands HTTP/1.1\r\nHost: x\r\n",
    "half a body": b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
    "half a refused body": b"POST /api/v1/commands HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
    "half a second head": b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HT",
}


@pytest.mark.usefixtures("_short_deadlines")
@pytest.mark.parametrize("sent", HALF_OPEN.values(), ids=HALF_OPEN)
async def test_a_request_that_does_not_arrive_in_time_is_closed(sent: bytes, unused_tcp_port: int) -> None:
    async with _served(unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(sent)
        dripping = asyncio.create_task(_drip(writer))
        async with asyncio.timeout(3):
            with suppress(ConnectionError):
                while await reader.read(1000):
                    pass
        dripping.cancel()
        writer.close()


@pytest.mark.usefixtures("_short_deadlines")
async def test_a_kept_connection_outlives_the_deadlines(unused_tcp_port: int) -> None:
    async with _served(unused_tcp_port), httpx.AsyncClient() as client:
        for _ in range(3):
            response = await client.get(f"http://127.0.0.1:{unused_tcp_port}/livez")
            assert response.status_code == 200
            await asyncio.sleep(0.3)


async def _drip(writer: asyncio.StreamWriter) -> None:
    """Send a byte at intervals, which must not restart the deadline."""
    while True:
        await asyncio.sleep(0.1)
        writer.write(b"x")


@asynccontextmanager
async def _served(port: int) -> AsyncIterator[None]:
    stopping = ShutdownEvent()
    serving = asyncio.create_task(serve(_app(), "127.0.0.1", port, stopping))
    async with asyncio.timeout(3):
        while True:
            with suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            await asyncio.sleep(0.02)
    yield
    stopping.set()
    await serving


def _client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
