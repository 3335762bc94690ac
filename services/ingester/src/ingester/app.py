"""Where the ingester's objects meet: the worker and what it does beside listening."""

import argparse
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Literal

import httpx

from clawback_common.bus.catchup import CatchUp
from clawback_common.bus.envelope import Message
from clawback_common.bus.refill import pages, refill
from clawback_common.clock import SystemClock
from clawback_common.db import Database, Querier
from clawback_common.db.migrate import COMMON_PACKAGE, Migration, load
from clawback_common.db.migrate import migrate as run_migrations
from clawback_common.db.pool import Row
from clawback_common.errors import Transient
from clawback_common.outbox.lost_log import log_of
from clawback_common.outbox.news import NewsOutbox, send_lost_again
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.outbox.relay import BATCH_BYTES_MAX, Waiting
from clawback_common.process import Stopping
from clawback_common.worker import Loop, Plan, Worker
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.revocation.feed import order_listed
from clawback_contracts.revocation.v1 import ArticleRemoved, ArticleRevoked, RevocationNoticed
from clawback_contracts.topics import load_topics
from ingester import use_cases
from ingester.entrypoints import commands
from ingester.entrypoints.consumers import subscriptions
from ingester.entrypoints.http import deliveries
from ingester.gateways import events, metrics
from ingester.settings import Settings
from ingester.storage import articles, feeds, notices
from ingester.storage.purges import PURGES
from ingester.use_cases import Service, watching
from ingester.use_cases.cursor import cursor_command
from ingester.use_cases.feeds import configured_feeds
from ingester.use_cases.polling import Feed

NAME = "ingester"
LOG_LOOK_S = 15.0
"""How often the ingester looks whether the log of articles is still the one that it wrote."""
POLL_LOOK_S_MAX = 5.0
"""How often a worker looks whether a pass over a feed is due; when it is, stands in the database, for all workers."""


def migrations() -> list[Migration]:
    """The plumbing's and ours."""
    return [*load("common", COMMON_PACKAGE), *load(NAME, "ingester.storage.migrations")]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Service, dict[str, Feed]]]:
    """The service with its database and its feeds; nothing is connected before it is used."""
    url = settings.database_url.get_secret_value()
    async with (
        Database.connect(url, connections_max=settings.postgres_max_connections, name=NAME) as db,
        httpx.AsyncClient(follow_redirects=False) as http,
    ):
        service = Service(settings, db, SystemClock(), OrdersOutbox(), NewsOutbox())
        yield service, configured_feeds(service, http)


async def worker(settings: Settings, stopping: Stopping) -> None:
    """Listens, polls, publishes, until asked to end."""
    async with opened(settings) as (service, by_name):
        process = Worker(
            NAME,
            settings,
            service.db,
            service.clock,
            migrations(),
            settings.http_port or settings.probe_port,
            service.orders,
            service.news,
        )
        await process.run(plan(service, by_name), stopping)


def plan(service: Service, by_name: Mapping[str, Feed]) -> Plan:
    """What this worker does."""
    polls = [
        Loop(
            f"poll {name}",
            min(max(feed.settings.interval_s / 4, 0.05), POLL_LOOK_S_MAX),
            partial(commands.poll_on_schedule, feed, service),
            interrupt=True,
        )
        for name, feed in by_name.items()
    ]
    orders_applied = CatchUp(
        service.settings, service.db, use_cases.GROUP, ArticleRevoked.TOPIC, refilled=True
    )
    return Plan(
        subscriptions(service),
        [
            *polls,
            Loop("confirm orders", 0.5, partial(use_cases.confirm, service)),
            Loop("time", 1.0, partial(use_cases.on_time, service)),
            Loop("deliveries", 0.2, partial(deliveries.process_waiting, service)),
            Loop("lost log", LOG_LOOK_S, partial(_publish_lost_again, service), alone=True),
            Loop("measure", 15.0, partial(_measure, service)),
            Loop("feeds", 10.0, partial(watching.watch_feeds, service, by_name), alone=True),
            service.announcer.loop(),
            service.sweeper.loop(),
        ],
        prepare=partial(_prepare, service, by_name),
        publish=partial(_publish, service, by_name),
        may_publish=partial(_may_publish, service, by_name, orders_applied),
        on_set_aside=service.announcer.on_set_aside,
        purges=PURGES,
        resent=(RevocationNoticed.TOPIC, ArticleRemoved.TOPIC),
    )


async def _prepare(service: Service, by_name: Mapping[str, Feed]) -> None:
    kinds = [feed.settings.kind for feed in by_name.values()]
    await feeds.declare(service.db, list(by_name), kinds, service.clock.now())
    settings = service.settings
    listed = pages(
        f"{settings.compliance_url}api/v1/compliance/revocations", settings.compliance_api_key_file
    )
    obey = partial(use_cases.on_orders, service=service, positions=False, confirmed=True)
    await refill(settings, service.db, use_cases.GROUP, ArticleRevoked.TOPIC, listed, order_listed, obey)
    await _publish_lost_again(service)


async def _publish_lost_again(service: Service, topic: str = ArticlePublished.TOPIC) -> None:
    """Holders may be as far behind as the topic keeps articles: so much of a log that is gone is published again."""
    profile = load_topics()[ArticlePublished.TOPIC].profiles[service.settings.topic_profile]
    log = await log_of(service.settings, topic)
    if await send_lost_again(service.db, log, service.clock.now(), timedelta(milliseconds=profile.retention)):
        service.news.wake()


async def _revocation_feeds(service: Service, configured: Collection[str]) -> list[Row]:
    """The rows of the configured feeds of revocations; one that was removed or renamed stops nothing."""
    return [
        row
        for row in await feeds.all_feeds(service.db)
        if row["kind"] == "revoked" and row["name"] in configured
    ]


async def _may_publish(service: Service, by_name: Mapping[str, Feed], orders_applied: CatchUp) -> bool:
    """Nothing is published before the orders of all partitions are applied, those of other replicas too.

    Raises:
        Transient: they are not.
    """
    await orders_applied.check()
    return await _revocations_were_read(service, by_name)


async def _revocations_were_read(service: Service, configured: Collection[str]) -> bool:
    """Nothing is published before every configured feed of revocations was read to its end once."""
    rows = await _revocation_feeds(service, configured)
    return all(row["last_complete_at"] is not None for row in rows)


async def _publish(
    service: Service, configured: Collection[str], db: Querier, rows: Sequence[Waiting]
) -> list[Message | None]:
    """What the references say now, as many as fit into a batch; None where nothing is left to say."""
    await _refuse_while_revocations_are_unread(service, configured)
    refs, versions = [row["ref"] for row in rows], [row["version"] for row in rows]
    found = await articles.to_publish(db, refs, versions, BATCH_BYTES_MAX)
    now = service.clock.now()
    said = {row["number"]: row for row in found if not row["over"]}
    fitting = next((row["number"] - 1 for row in found if row["over"]), len(rows))
    return [
        events.published(said[number], row["traceparent"], now) if number in said else None
        for number, row in enumerate(rows[:fitting], 1)
    ]


async def _refuse_while_revocations_are_unread(service: Service, configured: Collection[str]) -> None:
    if service.settings.compliance != "required":
        return
    now, hours_max = service.clock.now(), service.settings.revocations_unread_h_max
    for row in await _revocation_feeds(service, configured):
        if row["last_complete_at"] is not None:
            hours = (now - row["last_complete_at"]).total_seconds() / 3600
            if hours > hours_max:
                raise Transient(
                    f"nothing is published: revocations of {row['name']} are unread for {hours:.0f} h"
                )


async def _measure(service: Service) -> None:
    now = service.clock.now()
    for state, count in (await articles.counts(service.db)).items():
        metrics.ARTICLES.labels(state).set(count)
    waiting = await notices.open_count(service.db)
    metrics.NOTICES_OPEN.set(waiting["open"] if waiting else 0)
    for row in await feeds.all_feeds(service.db):
        metrics.FEED_FAILING.labels(row["name"]).set(row["state"] in {"failing", "stopped"})
        if row["last_complete_at"] is not None:
            age = now - row["last_complete_at"]
            metrics.FEED_AGE.labels(row["name"]).set(age.total_seconds())


async def migrate(settings: Settings, phase: Literal["pre", "post", "all"]) -> None:
    """Brings the database up to date; says what ran."""
    async with opened(settings) as (service, _):
        ran = await run_migrations(service.db, migrations(), ("pre", "post") if phase == "all" else (phase,))
    sys.stdout.write(f"migrations run: {', '.join(ran) or 'none, the database is up to date'}\n")


async def job(chosen: argparse.Namespace, settings: Settings) -> int:
    """One of the jobs; gives its exit code."""
    async with opened(settings) as (service, by_name):
        match chosen.role:
            case "poll":
                return await commands.poll_command(by_name.get(chosen.feed), service, chosen.feed)
            case "replay-dlq":
                return await commands.replay_command(service)
            case "cursor":
                return await cursor_command(by_name.get(chosen.feed), service, chosen)
            case "floor":
                return await commands.floor_command(service, chosen)
            case _:
                return await commands.accept_gap_command(service)
