"""Processes of alerting with a real broker, a real database and sinks; and fake peers that can be stopped."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from alerting.service import SERVICE
from alerting.settings import Settings
from clawback_common.postgres import Database
from clawback_testing.broker import Broker
from clawback_testing.processes import Processes
from clawback_testing.waiting import until
from clawback_testing.workers import running_service
from services.alerting.tests.integration.sinks import MailSink, SmsSink


@dataclass(slots=True, kw_only=True)
class ProcessHarness(Processes):
    """The environment of the alerting processes."""

    broker: Broker
    db: Database
    mail: MailSink
    sms: SmsSink
    ports: Mapping[str, int]

    async def worker(self, number: int = 0) -> asyncio.subprocess.Process:
        """Starts a worker process that consumes."""
        return await self.ready("worker", self.ports[f"worker{number}"])

    def working(self, number: int = 0) -> AbstractAsyncContextManager[None]:
        """Runs a worker within the test's process."""
        port = self.ports[f"worker{number}"]
        return running_service(SERVICE, Settings(http_port=port))

    async def wait_for_empty_groups(self) -> None:
        """Waits until the consumer groups are empty: a killed member stays until its session times out."""
        await until(self._empty, deadline_s=90, what="the groups of dead workers are empty")

    async def _empty(self) -> bool:
        try:
            await self.broker.empty()
        except AssertionError:
            await asyncio.sleep(0.5)
            return False
        return True


@dataclass(slots=True)
class FakePeer:
    """The API and the worker's probes of one service, as checked by health; each has its own port."""

    name: str
    api_port: int
    worker_port: int
    runs: list[dict[str, Any]] = field(default_factory=list)
    feeds: list[dict[str, Any]] = field(default_factory=list)
    oldest_s: float = 0.0
    webhook_s: float = 0.0
    requests: int = 0
    _api: asyncio.Server | None = None
    _worker: asyncio.Server | None = None

    async def start(self) -> None:
        """Starts both."""
        await self.start_api()
        await self.start_worker()

    async def start_api(self) -> None:
        """Starts the API."""
        self._api = await asyncio.start_server(self._serve, "127.0.0.1", self.api_port)

    async def start_worker(self) -> None:
        """Starts the worker's probes."""
        self._worker = await asyncio.start_server(self._serve, "127.0.0.1", self.worker_port)

    async def stop_api(self) -> None:
        """Stops the API; connections are refused."""
        if self._api:
            self._api.close()
            self._api = None

    async def stop_worker(self) -> None:
        """Stops the worker's probes; connections are refused."""
        if self._worker:
            self._worker.close()
            self._worker = None

    async def stop(self) -> None:
        """Stops both."""
        await self.stop_api()
        await self.stop_worker()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests += 1
            body = self._body(head.split(" ")[1].split("?")[0])
            writer.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _body(self, path: str) -> bytes:
        import json  # noqa: PLC0415

        if path == "/metrics":
            return (
                '# TYPE outbox_waiting_messages gauge\noutbox_waiting_messages{lane="priority"} 2.0\n'
                f'# TYPE outbox_oldest_seconds gauge\noutbox_oldest_seconds{{lane="priority"}} {self.oldest_s}\n'
            ).encode()
        if path == "/readyz":
            return json.dumps({"ready": True, "checks": {"database": {"ok": True}}}).encode()
        if path.endswith("/jobs"):
            return json.dumps({"items": self.runs, "next_cursor": None}).encode()
        if path.endswith("/feeds"):
            return json.dumps({"items": self.feeds}).encode()
        webhooks = {"waiting": 1, "oldest_seconds": self.webhook_s}
        return json.dumps({"service": self.name, "status": "healthy", "webhooks": webhooks}).encode()
