"""Runs a worker within the test's own process, and checks the readiness of any process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx

from clawback_common.clock import Clock
from clawback_common.config.settings import ServiceSettings
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.work import work
from clawback_common.service.worker import Worker
from clawback_testing.waiting import until

S = TypeVar("S", bound=ServiceSettings)
READY_S_MAX = 60.0
DRAINED_S_MAX = 20.0


def objects(settings: Any, db: Database, clock: Clock, outbox: PriorityOutbox) -> ServiceObjects[Any]:
    """What a worker needs, of a service that does not exist."""
    absent: Any = None
    return ServiceObjects(settings=settings, db=db, clock=clock, outbox=outbox, sweeper=absent)


@asynccontextmanager
async def running(worker: Worker, stopping: ShutdownEvent) -> AsyncIterator[None]:
    """Run a worker: ready, or already ended, before the block; shut down after it. Its error is raised."""
    task = asyncio.create_task(worker.run(stopping))
    try:
        await until(lambda: ready(worker) or task.done(), what="ready")
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, DRAINED_S_MAX)


@asynccontextmanager
async def running_service(definition: ServiceDefinition[S, Any], settings: S) -> AsyncIterator[None]:
    """Run a worker with its probes, as its service runs it."""
    stopping = ShutdownEvent()
    port = settings.http_port or settings.probe_port

    async def worker() -> None:
        async with definition.open(settings) as service:
            await work(definition, service, stopping)

    task = asyncio.create_task(worker())

    async def ready_or_ended() -> bool:
        return task.done() or await probe_succeeds(port)

    try:
        await until(ready_or_ended, deadline_s=READY_S_MAX, what="the worker is ready")
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, DRAINED_S_MAX)


async def probe_succeeds(port: int) -> bool:
    """Return whether the readiness probe at this port succeeds."""
    try:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"http://127.0.0.1:{port}/readyz")).is_success
    except httpx.HTTPError:
        return False


def ready(worker: Worker) -> bool:
    """Return whether it has checked its subscriptions and all are consuming."""
    return "subscriptions" in worker.probes.results and worker.probes.ready
