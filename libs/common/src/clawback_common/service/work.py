"""The worker of a service, built from its definition."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import structlog

from clawback_common.errors import Transient
from clawback_common.postgres.migrate import require_migrated
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.loops import Loop
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ShutdownEvent, loop_forever
from clawback_common.service.worker import Worker

T = TypeVar("T", bound=ServiceObjects[Any])
_log = structlog.stdlib.get_logger(__name__)


def worker_of(
    definition: ServiceDefinition[Any, T], service: T, stopping: ShutdownEvent, port: int | None = None
) -> Worker:
    """Return a worker process of the service; it serves its probes at its configured port, or at this one."""
    if port is None:
        port = service.settings.http_port or service.settings.probe_port
    spec = definition.worker(service, stopping)
    return Worker(definition.name, service, spec, definition.all_migrations(), port)


async def work(definition: ServiceDefinition[Any, T], service: T, stopping: ShutdownEvent) -> None:
    """Consume, and run the periodic tasks, until shutdown.

    Raises:
        Stop: the worker must not run in the current state; contains the reason.
    """
    await worker_of(definition, service, stopping).run(stopping)


async def without_broker(
    definition: ServiceDefinition[Any, T],
    service: T,
    begin: Callable[[], Awaitable[None]],
    loops: Sequence[Loop],
    stopping: ShutdownEvent,
) -> None:
    """Run periodic tasks whether or not the broker is available; they need only the database.

    Args:
        definition: of the service.
        service: its objects.
        begin: called once, before the loops.
        loops: the periodic tasks.
        stopping: ends them.

    Raises:
        Stop: migrations are pending.
    """
    while not stopping.is_set():
        try:
            await require_migrated(service.db, definition.all_migrations())
            await begin()
        except Transient as error:
            _log.warning("waiting for the database", error=error)
            await stopping.sleep(1.0)
        else:
            break
    async with asyncio.TaskGroup() as tasks:
        for loop in loops:
            tasks.create_task(loop_forever(loop.name, loop.every_s, loop.work, stopping))
