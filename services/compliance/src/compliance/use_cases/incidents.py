"""Incidents: what no rule decides. Each stays open, with an alert, until an officer has closed it."""

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
    """A record on a revocation topic that nobody can read may be a takedown: a person must find out."""
    if bad:
        now = service.clock.now()
        await incidents.open_for_unreadable(tx, bad, now)
        waiting = [condition.unreadable(await incidents.open_count(tx))]
        await service.alert_publisher.sync(tx, INCIDENTS, waiting, now, again=True)


async def reused_ids(tx: Transaction, keys: Sequence[NoticeKey], service: Service, now: datetime) -> None:
    """A notice id that names two articles may have been sent to suppress the other notice: both are carried out."""
    if not keys:
        return
    found = {
        event_id("notice_id_reused", notice_id): (notice_id, article_id) for notice_id, article_id in keys
    }
    await incidents.open_all(
        tx,
        "notice_id_reused",
        [
            (incident_id, article_id, f"notice {notice_id} was recorded on another article before")
            for incident_id, (notice_id, article_id) in sorted(found.items())
        ],
        now,
    )
    await service.alert_publisher.raise_event(tx, [condition.notice_id_reused()], now)


async def close_incident(service: Service, incident_id: UUID, by: str, note: str) -> Row | None:
    """A person has found out. Gives the incident, None when there is none open; the last one ends the alert."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        closed = await incidents.close(tx, incident_id, by, note, now)
        if closed is not None and not await incidents.open_count(tx):
            await service.alert_publisher.sync(tx, INCIDENTS, [], now)
    return closed
