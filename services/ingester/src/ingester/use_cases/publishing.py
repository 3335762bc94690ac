"""Publication of articles, and the conditions that block it."""

from collections.abc import Sequence
from datetime import timedelta

from clawback_common.errors import Transient
from clawback_common.kafka.envelope import Message
from clawback_common.messaging.outbox.bulk import send_lost_again
from clawback_common.messaging.outbox.lost_log import log_of
from clawback_common.messaging.outbox.relay import BATCH_BYTES_MAX, Waiting
from clawback_common.postgres import Querier
from clawback_common.postgres.pool import Row
from clawback_contracts.article.v1 import ArticlePublished
from clawback_contracts.topics import load_topics
from ingester.gateways import events
from ingester.storage import articles, feeds
from ingester.use_cases.service import Service


async def publish(service: Service, db: Querier, rows: Sequence[Waiting]) -> list[Message | None]:
    """Returns the messages for outbox rows, as many as fit into a batch; None for a row that must not be published."""
    await _refuse_while_revocations_are_unread(service)
    refs, versions = [row["ref"] for row in rows], [row["version"] for row in rows]
    found = await articles.to_publish(db, refs, versions, BATCH_BYTES_MAX)
    now = service.clock.now()
    publishable = {row["number"]: row for row in found if not row["over"]}
    fitting = next((row["number"] - 1 for row in found if row["over"]), len(rows))
    return [
        events.published(publishable[number], row["traceparent"], now) if number in publishable else None
        for number, row in enumerate(rows[:fitting], 1)
    ]


async def _refuse_while_revocations_are_unread(service: Service) -> None:
    if service.settings.compliance != "required":
        return
    now, hours_max = service.clock.now(), service.settings.revocation_feed_stale_after_h
    for row in await _revocation_feeds(service):
        if row["last_complete_at"] is not None:
            hours = (now - row["last_complete_at"]).total_seconds() / 3600
            if hours > hours_max:
                raise Transient(
                    f"nothing is published: revocations of {row['name']} were not read for {hours:.0f} h"
                )


async def may_publish(service: Service) -> bool:
    """Returns whether publication is allowed: the orders of all partitions are applied, also by other replicas.

    Raises:
        Transient: They are not.
    """
    await service.orders_applied()
    return await _revocations_were_read(service)


async def _revocations_were_read(service: Service) -> bool:
    """Returns whether every configured feed of revocations was read to its end once."""
    rows = await _revocation_feeds(service)
    return all(row["last_complete_at"] is not None for row in rows)


async def _revocation_feeds(service: Service) -> list[Row]:
    """Returns the rows of configured feeds of revocations; a removed or renamed feed blocks nothing."""
    return [
        row
        for row in await feeds.all_feeds(service.db)
        if row["kind"] == "revoked" and row["name"] in service.feeds
    ]


async def publish_lost_again(service: Service, topic: str = ArticlePublished.TOPIC) -> None:
    """Publishes a lost log again, as far back as the topic keeps articles, because holders may be that far behind."""
    profile = load_topics()[ArticlePublished.TOPIC].profiles[service.settings.topic_profile]
    log = await log_of(service.settings, topic)
    if await send_lost_again(service.db, log, service.clock.now(), timedelta(milliseconds=profile.retention)):
        service.bulk_outbox.wake()
