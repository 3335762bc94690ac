"""What one worker looks at again and again: feeds that fail, are stopped, or are read too slowly."""

from collections.abc import Collection

from ingester.domain import condition
from ingester.domain.condition import FeedState
from ingester.domain.reading import COUNTED_FOR
from ingester.gateways import metrics
from ingester.storage import feeds
from ingester.use_cases import Service

FEEDS = "feeds"


async def watch_feeds(service: Service, configured: Collection[str]) -> None:
    """Raises what holds of the configured feeds, repeats it, and resolves what does not hold any more."""
    states = [
        FeedState(
            row["name"],
            row["state"],
            row["state_reason"],
            row["state_since"],
            row["full_pages"],
            row["reached_at"],
            row["page_asked"],
            row["page_limit"],
            row["page_stated"],
            row["kind"],
            row["gap_from"],
            row["gap_until"],
        )
        for row in await feeds.all_feeds(service.db)
        if row["name"] in configured
    ]
    now = service.clock.now()
    found = condition.of_feeds(states, now, service.settings.metabase_window_h)
    unread = await feeds.not_understood(service.db, now - COUNTED_FOR)
    found += [
        condition.not_understood(name, unread[name])
        for name in configured
        if name in unread and unread[name].reportable
    ]
    await service.announcer.on_conditions(FEEDS, found)
    behind = {one.labels["feed"] for one in found if one.name == "FeedFallingBehind"}
    for state in states:
        metrics.FEED_BEHIND.labels(state.name).set(state.name in behind)
