"""The definition of the alerting service, and the construction of its objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from alerting.domain.routing import RoutingConfig
from alerting.entrypoints.commands import COMMANDS
from alerting.entrypoints.consumers import subscriptions
from alerting.entrypoints.schedules import loops
from alerting.gateways.routes_file import read_routes
from alerting.settings import Settings, encrypts
from alerting.storage.retention import Alerts
from alerting.use_cases import beginning, folding
from alerting.use_cases.own_lane_alerts import OwnLaneAlerts
from alerting.use_cases.service import GROUP, Service
from clawback_common.clock import Clock, SystemClock
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.waking import Waker
from clawback_common.service.work import without_broker
from clawback_common.service.worker import WorkerSpec


def assemble(
    settings: Settings, db: Database, clock: Clock, outbox: PriorityOutbox, routing: RoutingConfig
) -> Service:
    """Creates the service's objects."""
    return Service(
        settings=settings,
        db=db,
        clock=clock,
        outbox=outbox,
        routing=routing,
        senders=Waker(),
        sweeper=Sweeper(GROUP, db, clock, outbox, (Alerts(db),), settings.sweep_age_min_d),
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """Opens the service with its routes and its database. Connections are opened on first use.

    Raises:
        Stop: the routes file has errors.
    """
    routing = read_routes(settings.alert_routes, partial(is_usable_address, settings))
    url = settings.database_url.get_secret_value()
    async with Database.connect(url, connections_max=settings.postgres_max_connections, name=GROUP) as db:
        yield assemble(settings, db, SystemClock(), PriorityOutbox(), routing)


def is_usable_address(settings: Settings, url: str) -> bool:
    """Whether messages can be sent to this address of the routes file; outside development, only with TLS."""
    from alerting.gateways.channels import is_known_address  # noqa: PLC0415 - half a second

    return is_known_address(url) and (settings.environment == "development" or encrypts(url))


def _worker(service: Service, stopping: ShutdownEvent) -> WorkerSpec:
    """What the worker does besides consuming. Sending and monitoring also run while the broker is down."""
    return WorkerSpec(
        subscriptions=subscriptions(service),
        loops=[service.sweeper.loop()],
        prepare=partial(beginning.begin, service),
        on_set_aside=partial(folding.on_set_aside, service=service),
        alerts=OwnLaneAlerts(service),
        background=partial(_send_and_watch, service, stopping),
    )


async def _send_and_watch(service: Service, stopping: ShutdownEvent) -> None:
    from alerting.gateways.channels import senders  # noqa: PLC0415 - needed by the worker only

    sends = senders(service.settings, service.routing)
    await without_broker(
        SERVICE, service, partial(beginning.begin, service), loops(service, sends, stopping), stopping
    )


SERVICE = ServiceDefinition(
    name=GROUP,
    description="Notifies the people responsible, once per state of an alert.",
    settings=Settings,
    open=opened,
    subscriptions=subscriptions,
    redriven=partial(subscriptions, positions=False),
    worker=_worker,
    commands=COMMANDS,
)
