"""Records that nobody could read: each is an incident, and an alert until a person has found out what it says."""

from collections.abc import Sequence
from uuid import UUID

from clawback_common import incidents
from clawback_common.db import Transaction
from clawback_common.db.pool import Row
from clawback_common.quarantine import Bad
from compliance.domain import condition
from compliance.flow.service import Service

INCIDENTS = "incidents"


async def on_unreadable(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """A record on a revocation topic that nobody can read may be a takedown: a person must find out."""
    if bad:
        now = service.clock.now()
        await incidents.open_for_unreadable(tx, bad, now)
        waiting = [condition.unreadable(await incidents.open_count(tx))]
        await service.announcer.say(tx, INCIDENTS, waiting, now, again=True)


async def incident_closed(incident_id: UUID, by: str, note: str, service: Service) -> Row | None:
    """A person has found out. Gives the incident, None when there is none open; the last one ends the alert."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        closed = await incidents.close(tx, incident_id, by, note, now)
        if closed is not None and not await incidents.open_count(tx):
            await service.announcer.say(tx, INCIDENTS, [], now)
    return closed
