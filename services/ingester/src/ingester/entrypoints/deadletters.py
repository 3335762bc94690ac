"""The ways back in for what was set aside, one for each door."""

import re
from collections.abc import Sequence
from uuid import uuid4

from clawback_common.api_keys import ApiKeys
from clawback_common.bus.authentication import Authentication
from clawback_common.db.pool import Row
from clawback_common.errors import Poison
from clawback_common.redrive import DeadLetterDesk, Redrive, redrive_by_subscription
from ingester import use_cases
from ingester.domain.article import deliveries
from ingester.domain.feed import Sighting
from ingester.entrypoints.consumers import subscriptions
from ingester.entrypoints.http.bodies import judge_one
from ingester.gateways.providers.metabase.wire import parse_articles, parse_revoked
from ingester.settings import FeedSettings
from ingester.use_cases import GROUP, Service

_SLICE = re.compile(r"-[0-9]+of[0-9]+$")
"""What a slice adds to the name of its feed."""


def desk(service: Service) -> DeadLetterDesk:
    """The ingester's quarantine with every way back."""
    by_topic: dict[str, Redrive] = redrive_by_subscription(
        GROUP, subscriptions(service, positions=False), Authentication.of(service.settings)
    )
    feeds = {feed.name: feed for feed in service.settings.feed_list}
    body = _from_body(service, ApiKeys(service.settings.api_keys_file))

    def handler_for(source: str) -> Redrive | None:
        kind, _, name = source.partition(":")
        if kind in {"webhook", "http"}:
            return body
        feed = feeds.get(_SLICE.sub("", name)) if kind == "feed" else None
        if feed is None:
            return by_topic.get(source)
        return (
            _from_revoked_feed(service, feed, name) if feed.kind == "revoked" else _from_feed(service, name)
        )

    return DeadLetterDesk(service.db, service.clock, handler_for)


def _from_revoked_feed(service: Service, feed: FeedSettings, name: str) -> Redrive:
    """A revocation that could not be read: its clock starts when it was first seen."""

    async def again(row: Row) -> None:
        page = parse_revoked(_page_of(row["value"], "revokedArticles"), None)
        if page.bad:
            raise Poison(page.bad[0].code, page.bad[0].detail)
        entries = [
            Sighting(f"{feed.provider}:{one.provider_article_id}", one.sequence, one.revoked_at)
            for one in page.ids
        ]
        async with service.db.transaction() as tx:
            await use_cases.on_sightings(tx, service, name, entries, uuid4(), row["arrived_at"])

    return again


def _from_feed(service: Service, name: str) -> Redrive:
    async def again(row: Row) -> None:
        arrived_at = row["arrived_at"]
        page = parse_articles(_page_of(row["value"], "articles"), None, received_at=arrived_at)
        if page.bad:
            raise Poison(page.bad[0].code, page.bad[0].detail)
        incoming = deliveries(((article, None) for article in page.articles), arrived_at)
        await use_cases.store(service, incoming, door=name)

    return again


def _page_of(entry: bytes, name: str) -> bytes:
    """The entry as the only one of a page's list, in the format that it came in."""
    listed = name.encode()
    if entry.lstrip().startswith(b"<"):
        body = b"<" + listed + b">" + entry + b"</" + listed + b">"
        return b"<response><status>SUCCESS</status>" + body + b"</response>"
    return b'{"status":"SUCCESS","' + listed + b'":[' + entry + b"]}"


def _from_body(service: Service, keys: ApiKeys) -> Redrive:
    async def again(row: Row) -> None:
        errors, article = judge_one(row["value"], _who_may(keys, row["topic"]))
        if article is None:
            raise Poison(errors[0]["code"], f"{errors[0]['path']}: {errors[0]['message']}")
        await use_cases.store(service, deliveries([(article, None)], row["arrived_at"]), door=row["topic"])

    return again


def _who_may(keys: ApiKeys, door: str) -> Sequence[str]:
    """Whose ids come by this door, also the second time: the partner's own, or those of the subject's keys now."""
    kind, _, name = door.partition(":")
    return (name,) if kind == "webhook" else sorted(keys.providers_of(name))
