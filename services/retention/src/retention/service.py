"""Where the objects of retention meet: the worker and what it does beside listening."""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Literal

from clawback_common.clock import SystemClock
from clawback_common.db import Database
from clawback_common.db.migrate import COMMON_PACKAGE, Migration, load
from clawback_common.db.migrate import migrate as run_migrations
from clawback_common.errors import Stop
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.process import Stopping
from clawback_common.purging import QUARANTINE, WATCHES
from clawback_common.telemetry import describe
from clawback_common.watching import watches
from clawback_common.worker import Loop, Plan, Worker
from retention import flow
from retention.domain.policy import Mistakes, Policy, read
from retention.flow import Service
from retention.inlet import jobs, watchers
from retention.inlet.consumers import subscriptions, sweeper
from retention.settings import Settings
from retention.state import policies

NAME = "retention"
PACKAGED = "policies.yaml"


def migrations() -> list[Migration]:
    """The plumbing's and ours."""
    return [*load("common", COMMON_PACKAGE), *load(NAME, "retention.state.migrations")]


def load_policies(settings: Settings) -> dict[str, Policy]:
    """The policies, by class.

    Raises:
        Stop: the file cannot be used; names every mistake with its line.
    """
    path = settings.policies
    try:
        text = (path or files(NAME).joinpath(PACKAGED)).read_text(encoding="utf-8")
        return read(text, str(path or PACKAGED), short_ages=settings.environment == "development")
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"POLICIES {path} cannot be read: {describe(error)}") from None
    except Mistakes as error:
        raise Stop(f"POLICIES cannot be used:\n{error}") from None


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """The service with its database; nothing is connected before it is used."""
    found = load_policies(settings)
    url = settings.database_url.get_secret_value()
    async with Database.connect(url, connections_max=settings.postgres_max_connections, name=NAME) as db:
        yield Service(settings, db, OrdersOutbox(), SystemClock(), found)


async def worker(settings: Settings, stopping: Stopping) -> None:
    """Asks, listens, watches, until asked to end."""
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
        await process.run(plan(service), stopping)


def plan(service: Service) -> Plan:
    """What this worker does."""
    owner = sweeper(service)
    return Plan(
        subscriptions(service, owner),
        [
            owner.loop(),
            Loop("press", 1.0, partial(flow.press, service)),
            Loop("beat", 5.0, partial(watchers.beat, service)),
            Loop("measure", 30.0, partial(watchers.measure, service)),
            Loop("time", 30.0, partial(watchers.watch_time, service), alone=True),
            service.announcer.loop(),
        ],
        prepare=partial(prepare, service),
        on_set_aside=service.announcer.on_set_aside,
        purges=(QUARANTINE, WATCHES),
    )


async def prepare(service: Service) -> None:
    """Notes since when we watch, and the policies in force."""
    now = service.clock.now()
    await watches.begin(service.db, now)
    await policies.note(service.db, service.policies.values(), now)


async def migrate(settings: Settings, phase: Literal["pre", "post", "all"]) -> None:
    """Brings the database up to date; says what ran."""
    async with opened(settings) as service:
        phases: tuple[Literal["pre", "post"], ...] = ("pre", "post") if phase == "all" else (phase,)
        ran = await run_migrations(service.db, migrations(), phases)
    sys.stdout.write(f"migrations run: {', '.join(ran) or 'none, the database is up to date'}\n")


async def job(chosen: argparse.Namespace, settings: Settings, stopping: Stopping) -> int:
    """One of the jobs; gives its exit code."""
    async with opened(settings) as service:
        match chosen.role:
            case "sweep":
                return await jobs.sweep_command(
                    service, stopping, chosen.data_class, chosen.wait, dry_run=chosen.dry_run
                )
            case "holds":
                return await jobs.holds_command(service, ended_too=chosen.all)
            case "replay-dlq":
                return await jobs.replay_command(service)
            case _:
                return await jobs.accept_gap_command(service)
