"""Periodic monitoring of feeds, in one worker: failing, stopped or slow ones."""

from datetime import timedelta

from clawback_common.postgres.rows import build
from ingester.domain import condition
from ingester.domain.condition import FeedState
from ingester.domain.unparsed_fields import COUNTED_FOR
from ingester.gateways import metrics
from ingester.storage import articles, feeds, notices
from ingester.use_cases import indexing
from ingester.use_cases.service import Service

FEEDS = "feeds"


async def watch_feeds(service: Service) -> None:
    """Raises the conditions of the configured feeds, repeats them, and resolves those that no longer apply."""
    states = [
        build(FeedState, row, window_h=_hours(service.feeds[row["name"]].source.window))
        for row in await feeds.all_feeds(service.db)
        if row["name"] in service.feeds
    ]
    now = service.clock.now()
    found = condition.of_feeds(states, now)
    unread = await feeds.not_understood(service.db, now - COUNTED_FOR)
    found += [
        condition.not_understood(name, unread[name])
        for name in service.feeds
        if name in unread and unread[name].reportable
    ]
    await service.alert_publisher.on_conditions(FEEDS, found)
    behind = {one.labels["feed"] for one in found if one.name == "FeedFallingBehind"}
    for state in states:
        metrics.FEED_BEHIND.labels(state.name).set(state.name in behind)


async def measure(service: Service) -> None:
    """Updates the metrics of articles, the search, notices and feeds, in every worker."""
    now = service.clock.now()
    for state, count in (await articles.counts(service.db)).items():
        metrics.ARTICLES.labels(state).set(count)
    metrics.SEARCH_LAG.set((await indexing.lag(service)).total_seconds())
    waiting = await notices.open_count(service.db)
    metrics.NOTICES_OPEN.set(waiting["open"] if waiting else 0)
    for row in await feeds.all_feeds(service.db):
        metrics.FEED_FAILING.labels(row["name"]).set(row["state"] in {"failing", "stopped"})
        if row["last_complete_at"] is not None:
            age = now - row["last_complete_at"]
            metrics.FEED_AGE.labels(row["name"]).set(age.total_seconds())


def _hours(window: timedelta | None) -> float | None:
    return window.total_seconds() / 3600 if window else None
