"""Opens and closes incidents, which a person must review."""

from uuid import UUID

from analytics.domain.counting import Delta
from analytics.storage import facets, rollups
from analytics.use_cases.service import GROUP, Service
from clawback_common.alerts import messages
from clawback_common.messaging import incidents
from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import event_id


async def close_incident(service: Service, incident_id: UUID, by: str, note: str) -> Row | None:
    """Closes an incident and counts again what was withheld for it.

    Returns:
        The incident; None if there is no such open one.
    """
    now = service.clock.now()
    async with service.db.transaction() as tx:
        closed = await incidents.close(tx, incident_id, by, note, now)
        counted = await facets.release(tx, closed["subject"]) if closed and closed["subject"] else None
        if counted is not None:
            delta = Delta()
            delta.subtract(counted._replace(withheld=True))
            delta.add(counted)
            await rollups.apply(tx, delta)
    return closed


async def on_set_aside(service: Service, lane: str, what: str) -> None:
    """Reports an outbox row that cannot be sent with an incident and an alert; the following rows are sent."""
    now = service.clock.now()
    async with service.db.transaction() as tx:
        await incidents.open_all(
            tx, "unsendable_row", [(event_id(GROUP, lane, what), None, f"{lane}: {what}")], now
        )
        summary = f"A row of the outbox {lane} of {GROUP} cannot be sent and is marked as failed: {what}"
        alert = messages.event(GROUP, "OutboxRowSetAside", summary, at=now, cause=what, lane=lane)
        await service.outbox.put(tx, [alert])
