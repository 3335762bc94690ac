"""The ways back in for what was set aside, one for each door."""

from typing import Any

from clawback_common.db.pool import Row
from clawback_common.errors import Poison
from clawback_common.redrive import DeadLetterDesk, Redrive, redrive_by_subscription
from clawback_contracts.article.v1 import ArticleSubmitted
from pydantic import TypeAdapter, ValidationError

from clawback_common.telemetry import describe
from ingester import flow
from ingester.domain.article import deliveries
from ingester.flow import GROUP, Service
from ingester.inlet.consumers import subscriptions
from ingester.inlet.feeds.metabase_wire import parse_entry

SUBMITTED: TypeAdapter[ArticleSubmitted] = TypeAdapter(ArticleSubmitted)


def desk(service: Service) -> DeadLetterDesk:
    """The ingester's quarantine with every way back."""
    by_topic: dict[str, Redrive] = redrive_by_subscription(GROUP, subscriptions(service))
    for feed in service.settings.feed_list:
        by_topic[f"feed:{feed.name}"] = _from_feed(service, feed.name)
    return DeadLetterDesk(service.db, service.clock, _Doors(by_topic, service))


class _Doors(dict[str, Redrive]):
    """Topics and feeds by name; any webhook goes one way."""

    def __init__(self, by_topic: dict[str, Redrive], service: Service) -> None:
        super().__init__(by_topic)
        self._webhook = _from_webhook(service)

    def get(self, name: str, default: Any = None) -> Any:
        """The way back for a door."""
        return self._webhook if name.startswith("webhook:") else super().get(name, default)


def _from_feed(service: Service, name: str) -> Redrive:
    async def again(row: Row) -> None:
        article = parse_entry(row["value"], received_at=service.clock.now())
        await flow.store(service, deliveries([(article, None)], service.clock.now()), door=name)

    return again


def _from_webhook(service: Service) -> Redrive:
    async def again(row: Row) -> None:
        try:
            article = SUBMITTED.validate_json(row["value"])
        except ValidationError as error:
            raise Poison("value_invalid", describe(error)[:500]) from None
        await flow.store(service, deliveries([(article, None)], service.clock.now()), door=row["topic"])

    return again
