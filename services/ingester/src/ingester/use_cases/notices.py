"""Revocations listed by a provider, and ended licences, become notices."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.alerts import messages
from clawback_common.messaging import incidents, quarantine
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.telemetry import traceparent
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import Reason, RevocationNoticed
from ingester.domain.feed import RevokedEntry
from ingester.domain.gap import Gap
from ingester.gateways import events, metrics
from ingester.storage import articles, feeds, notices
from ingester.use_cases.service import GROUP, Service


async def on_revoked_entries(
    tx: Transaction,
    service: Service,
    feed: str,
    revoked_entries: Sequence[RevokedEntry],
    poll_id: UUID,
    earliest: datetime | None,
) -> int:
    """Records new entries of a provider's list and sends their notices. Returns the number of new ones."""
    if not revoked_entries:
        return 0
    now = service.clock.now()
    reinstated = await notices.reinstated_orders(tx, [s.article_id for s in revoked_entries])
    noticed = {
        (notice_id := s.notice_id(feed, reinstated.get(s.article_id))): RevocationNoticed(
            notice_id=notice_id,
            article_id=s.article_id,
            reason=Reason.LICENSOR,
            noticed_by=feed,
            noticed_at=now,
            revoked_at=s.revoked_at,
            earliest_at=earliest,
            poll_id=poll_id,
        )
        for s in revoked_entries
    }
    return await _notice(tx, service, list(noticed.values()), now)


async def on_feed_gap(tx: Transaction, service: Service, feed: str, lost: Gap) -> None:
    """Opens an incident for entries of a feed that were never delivered; it is reported until a person closes it."""
    now, incident_id = service.clock.now(), lost.identity(feed)
    detail = f"feed {feed}: {lost} may never have been delivered"
    await incidents.open_all(tx, "feed_gap", [(incident_id, None, detail)], now)
    await feeds.note_gap(tx, incident_id, feed, lost)


async def on_unreadable_entries(tx: Transaction, service: Service, bad: Sequence[Bad]) -> None:
    """Opens incidents for entries of a revocation feed without a usable id: each may be a revocation."""
    if not bad:
        return
    now = service.clock.now()
    await quarantine.put(tx, service.outbox, bad, now)
    await incidents.open_for_unreadable(tx, bad, now)
    await service.outbox.put(
        tx,
        [
            messages.event(
                GROUP,
                "UnreadableRevocation",
                f"{one.topic} listed a revocation that could not be read ({one.error}). Ask the provider "
                "which article it means, and close the incident.",
                at=now,
                cause=one.id,
                feed=one.topic,
            )
            for one in bad
        ],
    )


async def _notice(
    tx: Transaction, service: Service, noticed: Sequence[RevocationNoticed], now: datetime
) -> int:
    trace = traceparent()
    new = await notices.insert(tx, noticed, [trace] * len(noticed))
    await service.outbox.put(tx, events.notices(new, now, trace))
    if new:
        metrics.NOTICED.labels(new[0].noticed_by).inc(len(new))
    return len(new)


async def on_time(service: Service) -> None:
    """Processes what is due: ended embargoes, ended licences, and unanswered notices."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        freed = await articles.embargo_over(tx, now)
        await service.bulk_outbox.put(
            tx, [r["article_id"] for r in freed], [r["version"] for r in freed], [None] * len(freed), now
        )
        await _licences_over(tx, service, now)
        due = await notices.due(tx, now)
        await service.outbox.put(
            tx,
            [
                message
                for r in due
                for message in events.notices([events.notice_of(r)], now, r["traceparent"])
            ],
            again=True,
        )


async def _licences_over(tx: Transaction, service: Service, now: datetime) -> None:
    over = [row for row in await articles.licence_over(tx, now) if row["state"] != "revoked"]
    await _notice(
        tx,
        service,
        [
            RevocationNoticed(
                notice_id=event_id("licence", row["article_id"], row["licence_ends_at"], row["order_no"]),
                article_id=row["article_id"],
                reason=Reason.LICENCE_EXPIRED,
                noticed_by="licence",
                noticed_at=now,
                revoked_at=row["licence_ends_at"],
            )
            for row in over
        ],
        now,
    )
