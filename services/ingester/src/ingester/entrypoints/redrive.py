"""Reprocessing of dead letters that arrived by HTTP or from feeds."""

from collections.abc import Sequence

from clawback_common.errors import Poison
from clawback_common.http.api_keys import ApiKeys
from clawback_common.messaging.dead_letters import Redrive, SourceRedrive
from clawback_common.postgres.pool import Row
from ingester.domain.article import deliveries
from ingester.domain.feed import without_slice
from ingester.entrypoints.http.bodies import validate_item
from ingester.gateways.providers.port import Feed
from ingester.use_cases import storing
from ingester.use_cases.polling import entry_again
from ingester.use_cases.service import Service


def by_source(service: Service) -> SourceRedrive:
    """Returns the handlers by source, such as ``feed:metabase-articles`` or ``webhook:acme``."""
    feeds = {without_slice(name): feed for name, feed in service.feeds.items()}
    body = _from_body(service, ApiKeys(service.settings.api_keys_file))

    def handler_for(source: str) -> Redrive | None:
        kind, _, name = source.partition(":")
        if kind in {"webhook", "http"}:
            return body
        feed = feeds.get(without_slice(name)) if kind == "feed" else None
        return _from_feed(service, feed, name) if feed is not None else None

    return handler_for


def _from_feed(service: Service, feed: Feed, name: str) -> Redrive:
    """Returns the handler for unreadable entries of a feed; a revocation's clock starts when it was first received."""

    async def again(row: Row) -> None:
        await entry_again(feed, name, row["value"], row["arrived_at"], service)

    return again


def _from_body(service: Service, keys: ApiKeys) -> Redrive:
    async def again(row: Row) -> None:
        errors, article = validate_item(row["value"], _who_may(keys, row["topic"]))
        if article is None:
            raise Poison(errors[0]["code"], f"{errors[0]['path']}: {errors[0]['message']}")
        await storing.store(service, deliveries([(article, None)], row["arrived_at"]), source=row["topic"])

    return again


def _who_may(keys: ApiKeys, source: str) -> Sequence[str]:
    """Returns the providers that this source may use at present: the partner's own, or those of the subject's keys."""
    kind, _, name = source.partition(":")
    return (name,) if kind == "webhook" else sorted(keys.providers_of(name))
