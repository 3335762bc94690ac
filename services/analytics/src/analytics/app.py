"""Where the objects of analytics meet: the worker and what it does beside listening."""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal

from analytics import flow
from analytics.flow import Service
from analytics.inlet import jobs
from analytics.inlet.consumers import subscriptions
from analytics.outlet import metrics
from analytics.outlet.cache import Cache
from analytics.settings import Settings
from analytics.state import facets
from analytics.state.purges import PURGES
from clawback_common.bus.refill import pages, refill
from clawback_common.clock import SystemClock
from clawback_common.db import Database
from clawback_common.db.migrate import COMMON_PACKAGE, Migration, load
from clawback_common.db.migrate import migrate as run_migrations
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.process import Stopping
from clawback_common.worker import Loop, Plan, Worker
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.v1 import ArticleRevoked

NAME = "analytics"


def migrations() -> list[Migration]:
    """The plumbing's and ours."""
    return [*load("common", COMMON_PACKAGE), *load(NAME, "analytics.state.migrations")]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """The service with its database and its cache; nothing is connected before it is used."""
    url = settings.database_url.get_secret_value()
    cache_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=NAME) as db,
        Cache.connect(cache_url, settings.redis_cache_ttl) as cache,
    ):
        yield Service(settings, db, SystemClock(), OrdersOutbox(), cache)


async def worker(settings: Settings, stopping: Stopping) -> None:
    """Listens, counts, answers, until asked to end."""
    async with opened(settings) as service:
        port = settings.http_port or settings.probe_port
        process = Worker(NAME, settings, service.db, service.clock, migrations(), port, service.orders)
        await process.run(plan(service), stopping)


def plan(service: Service) -> Plan:
    """What this worker does."""
    return Plan(
        subscriptions(service),
        [
            service.sweeper.loop(),
            Loop("confirm orders", 0.5, partial(flow.confirm, service)),
            Loop("measure", 60.0, partial(_measure, service)),
        ],
        prepare=partial(_prepare, service),
        on_set_aside=partial(flow.on_set_aside, service),
        purges=PURGES,
    )


async def _prepare(service: Service) -> None:
    """Obeys the orders that their topic no longer has, before any article is counted."""
    settings = service.settings
    listed = pages(
        f"{settings.compliance_url}api/v1/compliance/revocations", settings.compliance_api_key_file
    )
    obey = partial(flow.on_orders, service=service, positions=False, confirmed=True)
    await refill(settings, service.db, flow.GROUP, ArticleRevoked.TOPIC, listed, order_listed, obey)


async def _measure(service: Service) -> None:
    for state, count in (await facets.counts(service.db)).items():
        metrics.HELD.labels(state).set(count)


async def migrate(settings: Settings, phase: Literal["pre", "post", "all"]) -> None:
    """Brings the database up to date; says what ran."""
    async with opened(settings) as service:
        ran = await run_migrations(service.db, migrations(), ("pre", "post") if phase == "all" else (phase,))
    sys.stdout.write(f"migrations run: {', '.join(ran) or 'none, the database is up to date'}\n")


async def job(chosen: argparse.Namespace, settings: Settings) -> int:
    """One of the jobs; gives its exit code."""
    async with opened(settings) as service:
        match chosen.role:
            case "replay-dlq":
                return await jobs.replay_command(service)
            case "floor":
                return await jobs.floor_command(service, chosen)
            case _:
                return await jobs.accept_gap_command(service)
