"""Closing of incidents."""

from uuid import UUID

from clawback_common.messaging import incidents
from clawback_common.postgres.pool import Row
from clawback_common.telemetry import traceparent
from ingester.storage import articles
from ingester.use_cases.service import Service


async def close_incident(service: Service, incident_id: UUID, by: str, note: str) -> Row | None:
    """Closes an incident; its withheld article is released and published. None: no such incident is open."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        closed = await incidents.close(tx, incident_id, by, note, now)
        row = await articles.release(tx, closed["subject"], now) if closed and closed["subject"] else None
        if row is not None and row["version"] and row["state"] == "live":
            await service.bulk_outbox.put(tx, [row["article_id"]], [row["version"]], [traceparent()], now)
    return closed
