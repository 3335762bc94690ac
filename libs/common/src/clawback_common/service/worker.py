"""The worker of a service, from its definition."""

from dataclasses import replace
from typing import Any, TypeVar

from clawback_common.process import Stopping
from clawback_common.service.definition import Service, ServiceDefinition
from clawback_common.worker import Worker

T = TypeVar("T", bound=Service)


async def work(definition: ServiceDefinition[Any, T], service: T, stopping: Stopping) -> None:
    """Consumes, and does what is due by time, until asked to end.

    Raises:
        Stop: it must not work as things are; says why.
    """
    settings = service.settings
    process = Worker(
        definition.name,
        settings,
        service.db,
        service.clock,
        definition.all_migrations(),
        settings.http_port or settings.probe_port,
        service.orders,
        definition.news(service),
    )
    plan = replace(definition.plan(service), subscriptions=definition.subscriptions(service))
    await process.run(plan, stopping)
