"""The worker of a service, from its definition."""

from dataclasses import replace
from typing import Any, TypeVar

from clawback_common.process import Stopping
from clawback_common.service.definition import Service, ServiceDefinition
from clawback_common.worker import Plan, Worker

T = TypeVar("T", bound=Service)


def worker_of(definition: ServiceDefinition[Any, T], service: T, port: int) -> Worker:
    """A worker process; its probes are served at this port."""
    return Worker(
        definition.name,
        service.settings,
        service.db,
        service.clock,
        definition.all_migrations(),
        port,
        service.orders,
    )


def plan_of(definition: ServiceDefinition[Any, T], service: T) -> Plan:
    """Everything that it does."""
    return replace(definition.plan(service), subscriptions=definition.subscriptions(service))


async def work(definition: ServiceDefinition[Any, T], service: T, stopping: Stopping) -> None:
    """Consumes, and does what is due by time, until asked to end.

    Raises:
        Stop: it must not work as things are; says why.
    """
    settings = service.settings
    process = worker_of(definition, service, settings.http_port or settings.probe_port)
    await process.run(plan_of(definition, service), stopping)
