"""The definition of the analytics service, and the construction of its objects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from analytics.entrypoints.commands import COMMANDS
from analytics.entrypoints.consumers import subscriptions
from analytics.entrypoints.schedules import loops
from analytics.gateways.cache import Cache
from analytics.settings import Settings
from analytics.storage import facets
from analytics.storage.purges import PURGES
from analytics.storage.retention import Articles, CachedAnswers
from analytics.storage.values import ValueIds
from analytics.use_cases import incidents
from analytics.use_cases.beginning import begin
from analytics.use_cases.service import GROUP, Service
from clawback_common.clock import Clock, SystemClock
from clawback_common.kafka.catchup import CatchUp
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.worker import WorkerSpec
from clawback_contracts.revocation.v1 import ArticleRevoked


def assemble(settings: Settings, db: Database, clock: Clock, outbox: PriorityOutbox, cache: Cache) -> Service:
    """Creates the service's objects."""
    owned = (Articles(db, clock), CachedAnswers(db, cache))
    return Service(
        settings=settings,
        db=db,
        clock=clock,
        outbox=outbox,
        cache=cache,
        value_ids=ValueIds(db),
        sweeper=Sweeper(GROUP, db, clock, outbox, owned, settings.sweep_age_min_d),
        orders_applied=CatchUp(settings, db, GROUP, ArticleRevoked.TOPIC, refilled=True).check,
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """Opens the service with its database and its cache. Connections are opened on first use."""
    url = settings.database_url.get_secret_value()
    cache_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=GROUP) as db,
        Cache.connect(cache_url, settings.redis_cache_ttl) as cache,
    ):
        yield assemble(settings, db, SystemClock(), PriorityOutbox(), cache)


def _worker(service: Service, _: ShutdownEvent) -> WorkerSpec:
    """Returns what the worker does."""
    return WorkerSpec(
        subscriptions=subscriptions(service),
        loops=loops(service),
        prepare=partial(begin, service),
        on_set_aside=partial(incidents.on_set_aside, service),
        purges=PURGES,
    )


SERVICE = ServiceDefinition(
    name=GROUP,
    description="Counts articles by topic, source and day, and stops counting revoked ones.",
    settings=Settings,
    open=opened,
    subscriptions=subscriptions,
    redriven=partial(subscriptions, positions=False),
    held=facets.held,
    close_incident=incidents.close_incident,
    worker=_worker,
    commands=COMMANDS,
)
