"""The ways back in for what was set aside, one for each door."""

from collections.abc import Sequence

from clawback_common.api_keys import ApiKeys
from clawback_common.bus.authentication import Authentication
from clawback_common.db.pool import Row
from clawback_common.errors import Poison
from clawback_common.redrive import DeadLetterDesk, Redrive, redrive_by_subscription
from ingester import flow
from ingester.domain.article import deliveries
from ingester.flow import GROUP, Service
from ingester.inlet.bodies import judge_one
from ingester.inlet.consumers import subscriptions
from ingester.inlet.feeds.metabase_wire import parse_articles


def desk(service: Service) -> DeadLetterDesk:
    """The ingester's quarantine with every way back."""
    by_topic: dict[str, Redrive] = redrive_by_subscription(
        GROUP, subscriptions(service, positions=False), Authentication.of(service.settings)
    )
    for feed in service.settings.feed_list:
        by_topic[f"feed:{feed.name}"] = _from_feed(service, feed.name)
    body = _from_body(service, ApiKeys(service.settings.api_keys_file))

    def way_back(door: str) -> Redrive | None:
        return body if door.startswith(("webhook:", "http:")) else by_topic.get(door)

    return DeadLetterDesk(service.db, service.clock, way_back)


def _from_feed(service: Service, name: str) -> Redrive:
    async def again(row: Row) -> None:
        now = service.clock.now()
        page = parse_articles(_page_of(row["value"]), None, received_at=now)
        if page.bad:
            raise Poison(page.bad[0].code, page.bad[0].detail)
        await flow.store(service, deliveries(((article, None) for article in page.articles), now), door=name)

    return again


def _page_of(entry: bytes) -> bytes:
    """The entry as the only one on a page, in the format that it came in."""
    if entry.lstrip().startswith(b"<"):
        return b"<response><status>SUCCESS</status><articles>" + entry + b"</articles></response>"
    return b'{"status":"SUCCESS","articles":[' + entry + b"]}"


def _from_body(service: Service, keys: ApiKeys) -> Redrive:
    async def again(row: Row) -> None:
        errors, article = judge_one(row["value"], _who_may(keys, row["topic"]))
        if article is None:
            raise Poison(errors[0]["code"], f"{errors[0]['path']}: {errors[0]['message']}")
        await flow.store(service, deliveries([(article, None)], service.clock.now()), door=row["topic"])

    return again


def _who_may(keys: ApiKeys, door: str) -> Sequence[str]:
    """Whose ids come by this door, also the second time: the partner's own, or those of the subject's keys now."""
    kind, _, name = door.partition(":")
    return (name,) if kind == "webhook" else sorted(keys.providers_of(name))
