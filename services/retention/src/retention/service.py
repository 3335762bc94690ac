"""The definition of the retention service, and the construction of its objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.clock import Clock, SystemClock
from clawback_common.config.yaml_file import FileError
from clawback_common.errors import Stop
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.worker import WorkerSpec
from retention.domain.policy import Policy
from retention.entrypoints.commands import COMMANDS
from retention.entrypoints.consumers import subscriptions
from retention.entrypoints.schedules import loops
from retention.gateways.policies_file import read_policies
from retention.settings import Settings
from retention.use_cases.beginning import begin
from retention.use_cases.service import GROUP, Service


def assemble(settings: Settings, db: Database, clock: Clock, outbox: PriorityOutbox) -> Service:
    """Creates the service's objects.

    Raises:
        Stop: the policies file has errors.
    """
    return Service(
        settings=settings,
        db=db,
        clock=clock,
        outbox=outbox,
        policies=_policies(settings),
        alert_publisher=AlertPublisher(GROUP, db, clock, outbox),
        sweeper=Sweeper(GROUP, db, clock, outbox, ages_min_d=settings.sweep_age_min_d),
    )


def _policies(settings: Settings) -> dict[str, Policy]:
    try:
        return read_policies(settings.policies, short_ages=settings.environment == "development")
    except FileError as error:
        raise Stop(f"POLICIES cannot be used:\n{error}") from None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """Opens the service with its database. Connections are opened on first use."""
    url = settings.database_url.get_secret_value()
    async with Database.connect(url, connections_max=settings.postgres_max_connections, name=GROUP) as db:
        yield assemble(settings, db, SystemClock(), PriorityOutbox())


def _worker(service: Service, _: ShutdownEvent) -> WorkerSpec:
    """Returns what the worker does."""
    return WorkerSpec(
        subscriptions=subscriptions(service),
        loops=loops(service),
        prepare=partial(begin, service),
        on_set_aside=service.alert_publisher.on_set_aside,
    )


SERVICE = ServiceDefinition(
    name=GROUP,
    description="Defines how long data is kept, and has its owners delete older data.",
    settings=Settings,
    open=opened,
    subscriptions=subscriptions,
    worker=_worker,
    commands=COMMANDS,
)
