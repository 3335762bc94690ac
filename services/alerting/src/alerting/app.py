"""Where alerting's objects meet: the worker and what it does beside listening."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Literal

import httpx
import structlog

from alerting import flow
from alerting.flow import Alerts, Service
from alerting.flow.lanes import OwnLaneAlerts
from alerting.inlet import jobs
from alerting.inlet.consumers import subscriptions
from alerting.inlet.routes_file import read_routes
from alerting.inlet.senders import Wakes, sending_loops
from alerting.outlet.outgoing import Send
from alerting.settings import Settings, encrypts
from clawback_common.clock import SystemClock
from clawback_common.db import Database
from clawback_common.db.migrate import COMMON_PACKAGE, Migration, load, require_migrated
from clawback_common.db.migrate import migrate as run_migrations
from clawback_common.errors import Transient
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.process import Stopping, loop_forever
from clawback_common.purging import QUARANTINE
from clawback_common.sweeping import Sweeper
from clawback_common.worker import Loop, Plan, Worker

NAME = "alerting"
REMIND_EVERY_S = 10.0
WATCH_EVERY_S = 30.0
"""Well within the five minutes after hour 25 in which an overdue run must be told."""
_log = structlog.stdlib.get_logger(__name__)


def migrations() -> list[Migration]:
    """The plumbing's and ours."""
    return [*load("common", COMMON_PACKAGE), *load(NAME, "alerting.state.migrations")]


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Database]:
    """Ours; nothing is connected before it is used."""
    url = settings.database_url.get_secret_value()
    async with Database.connect(url, connections_max=settings.postgres_max_connections, name=NAME) as db:
        yield db


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """The service with its database and its routes.

    Raises:
        Stop: the routes file has mistakes.
    """
    book = read_routes(settings.alert_routes, partial(_usable_address, settings))
    async with database(settings) as db:
        yield Service(settings, db, OrdersOutbox(), SystemClock(), book)


def _usable_address(settings: Settings, url: str) -> bool:
    from alerting.outlet.channels import known_address  # noqa: PLC0415 - half a second, for files with rooms alone

    return known_address(url) and (settings.environment == "development" or encrypts(url))


async def worker(settings: Settings, stopping: Stopping) -> None:
    """Listens, tells, watches, until asked to end."""
    from alerting.outlet.channels import senders  # noqa: PLC0415 - other roles send nothing

    async with opened(settings) as service:
        process = Worker(
            NAME,
            settings,
            service.db,
            service.clock,
            migrations(),
            settings.http_port or settings.probe_port,
            service.outbox,
        )
        wakes = Wakes()
        waking = replace(service, wake=wakes)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(process.run(plan(waking), stopping))
            tasks.create_task(mind(waking, senders(settings, service.book), wakes, stopping))


def plan(service: Service) -> Plan:
    """What this worker does with the broker."""
    ages_min_d = service.settings.sweep_age_min_d
    sweeper = Sweeper(NAME, service.db, service.clock, service.outbox, [Alerts(service.db)], ages_min_d)
    return Plan(
        [*subscriptions(service), sweeper.subscription()],
        [sweeper.loop()],
        prepare=partial(flow.begin, service),
        on_set_aside=partial(_set_aside, service),
        alerts=OwnLaneAlerts(service),
        purges=(QUARANTINE,),
    )


async def mind(service: Service, sends: Mapping[str, Send], wakes: Wakes, stopping: Stopping) -> None:
    """Sends and watches, broker or no broker: whoever tells that something is down must not wait for it.

    Args:
        service: with its database.
        sends: how to send, by channel.
        wakes: wakes the senders.
        stopping: ends it.

    Raises:
        Stop: the database is behind its migrations.
    """
    while not stopping.is_set():
        try:
            await require_migrated(service.db, migrations())
            await flow.begin(service)
        except Transient as error:
            _log.warning("waiting for the database", error=error)
            await stopping.sleep(1.0)
        else:
            break
    async with asyncio.TaskGroup() as tasks:
        for loop in loops(service, sends, wakes, stopping):
            tasks.create_task(loop_forever(loop.name, loop.every_s, loop.work, stopping))


def loops(service: Service, sends: Mapping[str, Send], wakes: Wakes, stopping: Stopping) -> list[Loop]:
    """What is sent and watched without the broker."""
    return [
        *sending_loops(sends, service, wakes, stopping),
        Loop("remind", REMIND_EVERY_S, partial(flow.on_time, service)),
        Loop("runs", WATCH_EVERY_S, partial(flow.watch_runs, service)),
        Loop("channels", WATCH_EVERY_S, partial(flow.watch_channels, service)),
        Loop("measure", 15.0, partial(flow.measure, service)),
    ]


async def _set_aside(service: Service, lane: str, what: str) -> None:
    await flow.on_set_aside(lane, what, service)


async def api(settings: Settings, stopping: Stopping) -> None:
    """Serves HTTP until asked to end."""
    from redis.asyncio import Redis  # noqa: PLC0415 - of the API alone

    from alerting.inlet.api import serve_api  # noqa: PLC0415 - a worker serves none
    from alerting.outlet.neighbours import Neighbours  # noqa: PLC0415 - likewise

    limit_s = settings.health_timeout_s
    redis = Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=limit_s, socket_connect_timeout=limit_s
    )
    async with opened(settings) as service, httpx.AsyncClient(timeout=limit_s) as http, redis:
        neighbours = Neighbours(settings, service.db, service.clock, http, redis)
        try:
            await serve_api(service, neighbours, stopping)
        finally:
            await neighbours.close()


async def migrate(settings: Settings, phase: Literal["pre", "post", "all"]) -> None:
    """Brings the database up to date; says what ran."""
    async with database(settings) as db:
        phases: tuple[Literal["pre", "post"], ...] = ("pre", "post") if phase == "all" else (phase,)
        ran = await run_migrations(db, migrations(), phases)
    sys.stdout.write(f"migrations run: {', '.join(ran) or 'none, the database is up to date'}\n")


async def job(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int:
    """One of the jobs; gives its exit code."""
    async with opened(settings) as service:
        match chosen.role:
            case "test":
                return await jobs.test_command(service, stopping, chosen.wait)
            case "replay-dlq":
                return await jobs.replay_command(service)
            case _:
                return await jobs.accept_gap_command(service)
