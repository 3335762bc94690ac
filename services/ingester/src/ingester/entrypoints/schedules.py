"""The loops of the worker."""

from functools import partial

from clawback_common.service.loops import Loop
from ingester.entrypoints import deliveries
from ingester.use_cases import indexing, notices, orders, publishing, watching
from ingester.use_cases.poll_runs import poll_on_schedule
from ingester.use_cases.service import Service

LOG_CHECK_S = 15.0
"""How often the ingester checks whether the topic of articles still has the log that it wrote."""
DUE_CHECK_S_MAX = 5.0
"""How often a worker checks whether a poll is due; the due time is in the database, for all workers."""


def loops(service: Service) -> list[Loop]:
    """Returns all loops; monitoring loops run in one worker only."""
    polls = [
        Loop(
            f"poll {name}",
            min(max(feed.settings.interval_s / 4, 0.05), DUE_CHECK_S_MAX),
            partial(poll_on_schedule, feed, service),
            interrupt=True,
        )
        for name, feed in service.feeds.items()
    ]
    return [
        *polls,
        Loop("confirm orders", 0.5, partial(orders.confirm, service)),
        Loop("time", 1.0, partial(notices.on_time, service)),
        Loop("deliveries", 0.2, partial(deliveries.process_waiting, service)),
        Loop("search", 0.5, partial(indexing.index, service)),
        Loop("lost log", LOG_CHECK_S, partial(publishing.publish_lost_again, service), alone=True),
        Loop("measure", 15.0, partial(watching.measure, service)),
        Loop("feeds", 10.0, partial(watching.watch_feeds, service), alone=True),
        service.alert_publisher.loop(),
        service.sweeper.loop(),
    ]
