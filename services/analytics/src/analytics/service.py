"""Analytics as a service: its definition, and the one place where its objects are made."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from analytics import use_cases
from analytics.entrypoints.commands import COMMANDS
from analytics.entrypoints.consumers import subscriptions
from analytics.gateways import metrics
from analytics.gateways.cache import Cache
from analytics.settings import Settings
from analytics.storage import facets
from analytics.storage.purges import PURGES
from analytics.storage.sweeping import Articles, CachedAnswers
from analytics.storage.values import Vocabulary
from analytics.use_cases import GROUP, Service
from clawback_common.bus.catchup import CatchUp
from clawback_common.bus.refill import pages, refill
from clawback_common.clock import Clock, SystemClock
from clawback_common.db import Database
from clawback_common.http.probes import Probes
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.process import Stopping
from clawback_common.service.definition import Api, ServiceDefinition
from clawback_common.sweeping import Sweeper
from clawback_common.worker import Loop, Plan
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.v1 import ArticleRevoked


def assemble(settings: Settings, db: Database, clock: Clock, orders: OrdersOutbox, cache: Cache) -> Service:
    """The objects of analytics."""
    owned = (Articles(db, clock), CachedAnswers(db, cache))
    return Service(
        settings=settings,
        db=db,
        clock=clock,
        orders=orders,
        cache=cache,
        vocabulary=Vocabulary(db),
        sweeper=Sweeper(GROUP, db, clock, orders, owned, settings.sweep_age_min_d),
        orders_applied=CatchUp(settings, db, GROUP, ArticleRevoked.TOPIC, refilled=True).check,
    )


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """The service with its database and its cache; nothing is connected before it is used."""
    url = settings.database_url.get_secret_value()
    cache_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=GROUP) as db,
        Cache.connect(cache_url, settings.redis_cache_ttl) as cache,
    ):
        yield assemble(settings, db, SystemClock(), OrdersOutbox(), cache)


def plan(service: Service, _: Stopping) -> Plan:
    """What its worker does beside consuming."""
    return Plan(
        loops=[
            service.sweeper.loop(),
            Loop("confirm orders", 0.5, partial(use_cases.confirm, service)),
            Loop("measure", 60.0, partial(_measure, service)),
        ],
        prepare=partial(_prepare, service),
        on_set_aside=partial(use_cases.on_set_aside, service),
        purges=PURGES,
    )


async def _prepare(service: Service) -> None:
    """Obeys the orders that their topic no longer has, before any article is counted."""
    settings = service.settings
    listed = pages(
        f"{settings.compliance_url}api/v1/compliance/revocations", settings.compliance_api_key_file
    )
    obey = partial(use_cases.on_orders, service=service, positions=False, confirmed=True)
    await refill(settings, service.db, use_cases.GROUP, ArticleRevoked.TOPIC, listed, order_listed, obey)


async def _measure(service: Service) -> None:
    for state, count in (await facets.counts(service.db)).items():
        metrics.HELD.labels(state).set(count)


def _api(service: Service, probes: Probes) -> Api:
    from analytics.entrypoints.http.api import api  # noqa: PLC0415 - of the role api alone

    return api(service, probes)


SERVICE = ServiceDefinition(
    name=GROUP,
    description="Counts what the licensed articles are about, and forgets what was revoked.",
    settings=Settings,
    migrations="analytics.storage.migrations",
    open=opened,
    subscriptions=subscriptions,
    redriven=partial(subscriptions, positions=False),
    plan=plan,
    api=_api,
    commands=COMMANDS,
)
