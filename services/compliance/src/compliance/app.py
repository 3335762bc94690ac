"""Where the objects of compliance meet: the worker and what it does beside listening."""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Literal

import httpx
import structlog

from clawback_common.bus.catchup import CatchUp
from clawback_common.clock import SystemClock
from clawback_common.db import Database
from clawback_common.db.migrate import COMMON_PACKAGE, Migration, load
from clawback_common.db.migrate import migrate as run_migrations
from clawback_common.http.guarded_client import Addresses, GuardedClient, guarded_http
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.process import Stopping
from clawback_common.purging import QUARANTINE, WATCHES
from clawback_common.watching import watches
from clawback_common.worker import Loop, Plan, Worker
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from clawback_contracts.revocation.v1 import ArticleRevoked
from compliance import flow
from compliance.domain.holder import BROKERS
from compliance.flow import Service
from compliance.inlet import jobs, watchers
from compliance.inlet.checks import Check
from compliance.inlet.consumers import subscriptions
from compliance.inlet.controls import Controls
from compliance.inlet.looking import Looker
from compliance.inlet.mass import MassRevocations
from compliance.outlet.ingester import Ingester
from compliance.outlet.stores import HoldingsClient
from compliance.settings import Settings
from compliance.state import obligations

NAME = "compliance"
COPY_KINDS = dict.fromkeys(("ingester", "analytics"), ("content", "quarantine"))
"""The kinds of copies that each of our stores answers for."""
READING = {"analytics": "analytics"}
"""The group with which a store reads articles; the ingester reads none, it publishes them."""
RUN_WAIT = timedelta(minutes=15)
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process of compliance is made of."""

    service: Service
    ingester: Ingester
    holdings: HoldingsClient
    ending: AsyncExitStack
    """What is to be closed before the database."""


def migrations() -> list[Migration]:
    """The plumbing's and ours."""
    return [*load("common", COMMON_PACKAGE), *load(NAME, "compliance.state.migrations")]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Parts]:
    """The service with its database; nothing is connected before it is used."""
    url = settings.database_url.get_secret_value()
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=NAME) as db,
        httpx.AsyncClient(follow_redirects=False) as http,
        guarded_http() as outside,
        AsyncExitStack() as ending,
    ):
        own_orders = CatchUp(settings, db, flow.GROUP, ArticleRevoked.TOPIC)
        service = Service(settings, db, OrdersOutbox(), SystemClock(), own_orders=own_orders)
        key_file, timeout_s = settings.ingester_api_key_file, settings.poll_timeout_s
        addresses = Addresses(settings.address_rules)
        ending.callback(addresses.close)
        holdings = HoldingsClient(GuardedClient(http), GuardedClient(outside, addresses))
        ingester = Ingester(http, settings.ingester_url, key_file, timeout_s)
        yield Parts(service, ingester, holdings, ending)


async def worker(settings: Settings, stopping: Stopping) -> None:
    """Listens, orders, looks, watches, until asked to end."""
    async with opened(settings) as parts:
        service = parts.service
        process = Worker(
            NAME,
            settings,
            service.db,
            service.clock,
            migrations(),
            settings.http_port or settings.probe_port,
            service.outbox,
        )
        await process.run(plan(parts, stopping), stopping)


def plan(parts: Parts, stopping: Stopping) -> Plan:
    """What this worker does."""
    controls = Controls(parts.ingester)
    looker = Looker(parts.service, parts.holdings, controls)
    parts.ending.push_async_callback(looker.close)
    service = replace(parts.service, wake_looking=looker.wake)
    check = Check(service, parts.ingester, stopping, _tell, RUN_WAIT)
    return Plan(
        subscriptions(service),
        [
            Loop("look", 0.002, looker.wait_and_look),
            Loop("controls", 60.0, partial(controls.refresh, service)),
            Loop("press", 1.0, partial(flow.press, service)),
            Loop("notified", 1.0, partial(_notified, service)),
            Loop("requested runs", 1.0, check.requested),
            Loop("mass revocations", 10.0, MassRevocations(service, parts.ingester).watch, alone=True),
            Loop("requests", 1.0, partial(flow.carry_out_all, service)),
            Loop("unverifiable", 5.0, partial(flow.close_unverifiable, service)),
            Loop("beat", 5.0, partial(watchers.beat, service)),
            Loop("measure", 30.0, partial(watchers.measure, service)),
            Loop("time", 30.0, partial(watchers.watch_time, service), alone=True),
            service.announcer.loop(),
            Loop("readers", 60.0, partial(watchers.watch_readers, service), alone=True),
            service.sweeper.loop(),
        ],
        prepare=partial(prepare, service),
        on_set_aside=service.announcer.on_set_aside,
        purges=(QUARANTINE, WATCHES),
    )


def _tell(line: str) -> None:
    _log.info("run", said=line)


async def prepare(service: Service) -> None:
    """Notes since when we watch, and registers those that hold copies by our own doing."""
    await watches.begin(service.db, service.clock.now())
    for registration in own_holders(service.settings):
        await flow.holder_registered(registration, NAME, service)


def own_holders(settings: Settings) -> list[HolderRegistration]:
    """Our stores, and what forgets by itself."""
    stores = [
        HolderRegistration(
            name=name,
            kind=HolderKind.STORE,
            group=READING.get(name),
            purpose="one of our own stores",
            copy_kinds=COPY_KINDS.get(name, ("content",)),
        )
        for name in sorted(settings.stores)
    ]
    aging = [
        HolderRegistration(
            name=name,
            kind=HolderKind.EXPIRY,
            purpose="copies that disappear by age, named in EXPIRY_HOLDERS",
            copy_kinds=("copy",),
            forgets_after_h=hours,
        )
        for name, hours in sorted(settings.expiry_holders.items())
    ]
    brokers = HolderRegistration(
        name=BROKERS,
        kind=HolderKind.EXPIRY,
        purpose="the brokers that carry articles to their readers",
        copy_kinds=("log",),
        forgets_after_h=settings.kafka_forgets_after_h,
    )
    return [*stores, brokers, *aging]


async def _notified(service: Service) -> None:
    await obligations.notified(service.db, service.clock.now())


async def migrate(settings: Settings, phase: Literal["pre", "post", "all"]) -> None:
    """Brings the database up to date; says what ran."""
    async with opened(settings) as parts:
        phases: tuple[Literal["pre", "post"], ...] = ("pre", "post") if phase == "all" else (phase,)
        ran = await run_migrations(parts.service.db, migrations(), phases)
    sys.stdout.write(f"migrations run: {', '.join(ran) or 'none, the database is up to date'}\n")


async def job(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int:
    """One of the jobs; gives its exit code."""
    async with opened(settings) as parts:
        match chosen.role:
            case "run":
                return await jobs.run_command(parts.service, parts.ingester, stopping, chosen.wait)
            case "health":
                return await jobs.health_command(parts.service)
            case "replay-dlq":
                return await jobs.replay_command(parts.service)
            case _:
                return await jobs.accept_gap_command(parts.service)
