"""The definition of the service, and the only place where its objects are created."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import httpx

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.clock import Clock, SystemClock
from clawback_common.kafka.catchup import CatchUp
from clawback_common.messaging.dead_letters import SourceRedrive
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.worker import WorkerSpec
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, RevocationNoticed
from ingester.entrypoints.commands import COMMANDS
from ingester.entrypoints.consumers import subscriptions
from ingester.entrypoints.schedules import loops
from ingester.gateways.providers import feeds_of
from ingester.gateways.providers.port import Feed, ProviderContext
from ingester.settings import Settings
from ingester.storage import contents
from ingester.storage.contents import Months
from ingester.storage.purges import PURGES
from ingester.storage.retention import Articles, api_calls
from ingester.use_cases import publishing
from ingester.use_cases.beginning import begin
from ingester.use_cases.incidents import close_incident
from ingester.use_cases.pacing import KeyPace, recorder
from ingester.use_cases.service import GROUP, Service


def assemble(
    settings: Settings,
    db: Database,
    clock: Clock,
    outbox: PriorityOutbox,
    bulk_outbox: BulkOutbox,
    feeds: Mapping[str, Feed],
) -> Service:
    """Creates the objects of the ingester."""
    months = Months(db)
    owned = (Articles(db, clock, months), api_calls(db))
    return Service(
        settings=settings,
        db=db,
        clock=clock,
        outbox=outbox,
        bulk_outbox=bulk_outbox,
        months=months,
        sweeper=Sweeper(GROUP, db, clock, outbox, owned, settings.sweep_age_min_d),
        alert_publisher=AlertPublisher(GROUP, db, clock, outbox),
        feeds=feeds,
        orders_applied=CatchUp(settings, db, GROUP, ArticleRevoked.TOPIC, refilled=True).check,
    )


def configured_feeds(
    settings: Settings, db: Database, clock: Clock, http: httpx.AsyncClient
) -> dict[str, Feed]:
    """Returns the configured feeds by name, each with its rate limit and recorder.

    Raises:
        Stop: A feed names a provider that is not supported.
    """
    context = ProviderContext(
        settings, clock, http, lambda feed, pause: KeyPace(feed, db, pause), recorder(db)
    )
    return feeds_of(settings.feed_list, context)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """Opens the service with its database and feeds; connections are made on first use."""
    url, clock = settings.database_url.get_secret_value(), SystemClock()
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=GROUP) as db,
        httpx.AsyncClient(follow_redirects=False) as http,
    ):
        feeds = configured_feeds(settings, db, clock, http)
        yield assemble(settings, db, clock, PriorityOutbox(), BulkOutbox(), feeds)


def _worker(service: Service, _: ShutdownEvent) -> WorkerSpec:
    """Returns what the worker does."""
    return WorkerSpec(
        subscriptions=subscriptions(service),
        loops=loops(service),
        prepare=partial(begin, service),
        bulk_outbox=service.bulk_outbox,
        publish=partial(publishing.publish, service),
        may_publish=partial(publishing.may_publish, service),
        on_set_aside=service.alert_publisher.on_set_aside,
        purges=PURGES,
        resent=(RevocationNoticed.TOPIC, ArticleRemoved.TOPIC),
    )


def _other_sources(service: Service) -> SourceRedrive:
    from ingester.entrypoints.redrive import by_source  # noqa: PLC0415 - of the API and one command

    return by_source(service)


SERVICE = ServiceDefinition(
    name=GROUP,
    description="Ingests licensed articles and publishes them.",
    settings=Settings,
    open=opened,
    subscriptions=subscriptions,
    redriven=partial(subscriptions, positions=False),
    other_sources=_other_sources,
    held=contents.held,
    close_incident=close_incident,
    worker=_worker,
    commands=COMMANDS,
)
