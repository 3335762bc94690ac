"""The definition of the service, and the only place where its objects are created."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.clock import Clock, SystemClock
from clawback_common.http.client import Sibling
from clawback_common.http.guarded_client import Addresses, GuardedClient, guarded_http
from clawback_common.kafka.catchup import CatchUp
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.waking import Waker
from clawback_common.service.worker import WorkerSpec
from clawback_contracts.revocation.v1 import ArticleRevoked
from compliance.entrypoints.commands import COMMANDS, OFFLINE_COMMANDS
from compliance.entrypoints.consumers import subscriptions
from compliance.entrypoints.schedules import loops
from compliance.gateways.ingester import Ingester
from compliance.gateways.stores import HoldingsClient
from compliance.settings import Settings
from compliance.storage.retention import Records
from compliance.use_cases import beginning, incidents
from compliance.use_cases.controls import Controls
from compliance.use_cases.service import GROUP, Service
from compliance.use_cases.verification import HoldingsVerifier


def assemble(
    settings: Settings,
    db: Database,
    clock: Clock,
    outbox: PriorityOutbox,
    ingester: Ingester,
    holdings: HoldingsClient,
    own_orders: CatchUp | None = None,
) -> Service:
    """Creates the objects of compliance."""
    owned = (Records(db, clock, settings.archive_store),)
    return Service(
        settings=settings,
        db=db,
        clock=clock,
        outbox=outbox,
        ingester=ingester,
        holdings=holdings,
        own_orders=own_orders,
        verifiers=Waker(),
        sweeper=Sweeper(GROUP, db, clock, outbox, owned, settings.sweep_age_min_d),
        alert_publisher=AlertPublisher(GROUP, db, clock, outbox),
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """Opens the service with its database and clients; connections are made on first use."""
    url = settings.database_url.get_secret_value()
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=GROUP) as db,
        httpx.AsyncClient(follow_redirects=False) as http,
        guarded_http() as outside,
    ):
        api = Sibling("the ingester", settings.ingester_url, settings.ingester_api_key_file, http)
        ingester = Ingester(api, settings.poll_timeout_s)
        addresses = Addresses(settings.address_rules)
        holdings = HoldingsClient(GuardedClient(http), GuardedClient(outside, addresses))
        own_orders = CatchUp(settings, db, GROUP, ArticleRevoked.TOPIC)
        try:
            yield assemble(settings, db, SystemClock(), PriorityOutbox(), ingester, holdings, own_orders)
        finally:
            addresses.close()


def _worker(service: Service, stopping: ShutdownEvent) -> WorkerSpec:
    """Returns what the worker does."""
    controls = Controls(service.ingester)
    verifier = HoldingsVerifier(service, service.holdings, controls)
    return WorkerSpec(
        subscriptions=subscriptions(service),
        loops=loops(service, verifier, controls, stopping),
        prepare=partial(beginning.begin, service),
        close=verifier.close,
        on_set_aside=service.alert_publisher.on_set_aside,
    )


SERVICE = ServiceDefinition(
    name=GROUP,
    description="Turns revocation notices into orders and verifies that every copy is removed.",
    settings=Settings,
    open=opened,
    subscriptions=subscriptions,
    redriven=partial(subscriptions, positions=False),
    close_incident=incidents.close_incident,
    worker=_worker,
    commands=COMMANDS,
    offline_commands=OFFLINE_COMMANDS,
)
