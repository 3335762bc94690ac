"""Storage of articles from all sources, and their publication."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from clawback_common.errors import Poison
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.messaging import quarantine
from clawback_common.messaging.quarantine import Bad, ForbiddenIds
from clawback_common.postgres import Transaction
from clawback_contracts.article.v1 import CONTENT_BYTES_MAX, ArticleSubmitted
from ingester.domain.article import Delivery, is_allowed, newest, record_arrival
from ingester.domain.submission import Outcome
from ingester.gateways import metrics
from ingester.storage import articles, contents, submitted
from ingester.storage.articles import Upserted
from ingester.storage.submitted import Submitted
from ingester.use_cases.service import GROUP, Service

Step = Callable[[Transaction], Awaitable[None]]
"""A function that runs in the transaction of the stored articles."""


class Stored(NamedTuple):
    """The result for deliveries."""

    stored: int = 0
    too_old: int = 0
    """Refused: older than the retention floor."""


async def on_submissions(batch: Batch[ArticleSubmitted], service: Service, *, positions: bool = True) -> None:
    """Stores and publishes the articles of upstream systems.

    Args:
        batch: The submissions.
        service: The service.
        positions: Whether to store positions on the topic; False for a retry of old records.
    """
    topic = batch[0].topic
    providers = service.settings.topics_of_submissions.get(topic, ())
    if not all(is_allowed(one.value.article_id, providers) for one in batch):
        raise Poison("provider_not_allowed", "article_id")
    now = service.clock.now()
    incoming = [
        Delivery.of(
            one.value,
            record_arrival(one.timestamp_ms, one.offset, now),
            one.traceparent,
            one.event_id,
        )
        for one in batch
    ]
    if any(one.too_large for one in incoming):
        raise Poison(
            "too_large", f"an article has at most {CONTENT_BYTES_MAX} bytes when it is serialized again"
        )
    keep = [partial(offsets.keep, group=GROUP, batch=batch)] if positions else []
    await store(service, incoming, source=topic, steps=keep)


async def store(
    service: Service,
    incoming: Sequence[Delivery],
    *,
    source: str,
    bad: Sequence[Bad] = (),
    providers: Sequence[str] | None = None,
    steps: Sequence[Step] = (),
) -> Stored:
    """Stores and publishes deliveries, quarantines bad items, and runs the steps, in one transaction.

    Args:
        service: The service.
        incoming: The deliveries.
        source: The topic, ``http:<subject>``, ``webhook:<provider>`` or the name of the feed.
        bad: The records to quarantine.
        providers: The providers whose ids the sender may use; None: any.
        steps: Functions to run in the same transaction.
    """
    now = service.clock.now()
    chosen = newest(incoming)
    await service.months.make(min(d.article.published_at, now) for d in chosen)
    async with service.db.transaction() as tx:
        result = await _store(tx, service, chosen, incoming, source, now)
        if bad:
            await quarantine.put(tx, service.outbox, bad, now, forbidden_ids(providers))
        for step in steps:
            await step(tx)
    service.backlog.stored(result.stored, now)
    if not incoming and not bad:
        return result
    metrics.DELIVERED.labels(source, "stored").inc(result.stored)
    metrics.DELIVERED.labels(source, "too_old").inc(result.too_old)
    metrics.DELIVERED.labels(source, "unchanged").inc(len(incoming) - result.stored - result.too_old)
    metrics.DELIVERED.labels(source, "quarantined").inc(len(bad))
    return result


def forbidden_ids(providers: Sequence[str] | None) -> ForbiddenIds:
    """Returns a check for ids that must not be kept in quarantine: revoked ones, and others' ids."""

    async def forbidden(tx: Transaction, article_ids: Sequence[str]) -> set[str]:
        foreign = {one for one in article_ids if providers is not None and not is_allowed(one, providers)}
        return foreign | await articles.revoked(tx, article_ids)

    return forbidden


async def _store(
    tx: Transaction,
    service: Service,
    chosen: Sequence[Delivery],
    incoming: Sequence[Delivery],
    source: str,
    now: datetime,
) -> Stored:
    if not chosen:
        return Stored()
    by_id = {delivery.article_id: delivery for delivery in chosen}
    rows = await articles.upsert(tx, chosen, now)
    await submitted.save(tx, source, _outcomes(incoming, by_id, rows), now)
    stored = [row for row in rows if row.stored]
    await contents.save(tx, stored, by_id)
    live = [row for row in stored if row.state == "live"]
    await service.bulk_outbox.put(
        tx,
        [row.article_id for row in live],
        [row.version for row in live],
        [by_id[row.article_id].traceparent for row in live],
        now,
    )
    return Stored(len(stored), len(chosen) - len(rows))


def _outcomes(
    incoming: Sequence[Delivery], by_id: Mapping[str, Delivery], rows: Sequence[Upserted]
) -> list[Submitted]:
    """Returns the outcome of each delivery with an event id: of several on one article, the newest was stored."""
    found = {row.article_id: row for row in rows}
    outcomes = []
    for one in incoming:
        if one.event_id is None:
            continue
        row = found.get(one.article_id)
        if row is None:
            outcome = Outcome.TOO_OLD
        elif row.stored and one is by_id[one.article_id]:
            outcome = Outcome.STORED
        else:
            outcome = Outcome.REVOKED if row.state == "revoked" else Outcome.NOT_NEWER
        outcomes.append(Submitted(one.event_id, one.article_id, outcome, row.version if row else None))
    return outcomes
