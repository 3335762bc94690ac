"""Incidents: cases that a person must decide. Each stays open, with an alert, until an officer closes it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.messaging import incidents
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import event_id
from compliance.domain import condition
from compliance.domain.notice import NoticeKey
from compliance.use_cases.service import Service

INCIDENTS = "incidents"


async def on_unreadable(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """Opens incidents for unreadable records on a revocation topic: each may be a takedown."""
    if bad:
        now = service.clock.now()
        await incidents.open_for_unreadable(tx, bad, now)
        waiting = [condition.unreadable(await incidents.open_count(tx))]
        await service.alert_publisher.sync(tx, INCIDENTS, waiting, now, again=True)


async def reused_ids(tx: Transaction, keys: Sequence[NoticeKey], service: Service, now: datetime) -> None:
    """Opens incidents for notice ids that name two articles, possibly to suppress one. Both are carried out."""
    if not keys:
        return
    found = {
        event_id("notice_id_reused", notice_id): (notice_id, article_id) for notice_id, article_id in keys
    }
    await incidents.open_all(
        tx,
        "notice_id_reused",
        [
            (incident_id, article_id, f"notice {notice_id} was recorded for another article before")
            for incident_id, (notice_id, article_id) in sorted(found.items())
        ],
        now,
    )
    await service.alert_publisher.raise_event(tx, [condition.notice_id_reused()], now)


async def close_incident(service: Service, incident_id: UUID, by: str, note: str) -> Row | None:
    """Closes an incident. Returns it, or None if no such incident is open; closing the last one resolves the alert."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        closed = await incidents.close(tx, incident_id, by, note, now)
        if closed is not None and not await incidents.open_count(tx):
            await service.alert_publisher.sync(tx, INCIDENTS, [], now)
    return closed
