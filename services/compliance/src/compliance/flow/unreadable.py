"""Alerts: what is found to hold is said once, repeated while it lasts, and taken back when it ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common import incidents
from clawback_common.bus.envelope import Message
from clawback_common.db import Transaction
from clawback_common.db.pool import Row
from clawback_common.quarantine import Bad
from clawback_contracts.envelope import event_id
from compliance.domain import condition
from compliance.domain.condition import Condition
from compliance.flow.service import Service
from compliance.outlet import alerts
from compliance.state import watches

SAID_AGAIN = timedelta(hours=1)
"""A condition that goes on is said again so often."""
EVENT_OVER = timedelta(hours=24)
EVENTS = "events"
INCIDENTS = "incidents"


async def on_unreadable(tx: Transaction, bad: Sequence[Bad], service: Service) -> None:
    """A record on a revocation topic that nobody can read may be a takedown: a person must find out."""
    if bad:
        now = service.clock.now()
        await incidents.open_for_unreadable(tx, bad, now)
        await say(
            tx, INCIDENTS, [condition.unreadable(await incidents.open_count(tx))], service, now, again=True
        )


async def incident_closed(incident_id: UUID, by: str, note: str, service: Service) -> Row | None:
    """A person has found out. Gives the incident, None when there is none open; the last one ends the alert."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        closed = await incidents.close(tx, incident_id, by, note, now)
        if closed is not None and not await incidents.open_count(tx):
            await say(tx, INCIDENTS, [], service, now)
    return closed


async def on_set_aside(lane: str, what: str, service: Service) -> None:
    """A message that cannot be sent was set aside; the rest goes on."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await incidents.open_all(
            tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
        )
        await say_once(tx, [condition.unsendable(lane)], service, now)


async def on_conditions(watcher: str, conditions: Sequence[Condition], service: Service) -> None:
    """What a watcher finds now: the new is raised, what goes on is repeated, what ended is taken back."""
    async with service.db.transaction() as tx:
        await say(tx, watcher, conditions, service, service.clock.now())


async def on_silence(service: Service) -> None:
    """What was an event rather than a state ends when it has not come again for a day."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        silent = await watches.silent(tx, EVENTS, now - EVENT_OVER)
        await service.outbox.put(tx, await _resolved(tx, silent, now))


async def say(
    tx: Transaction,
    watcher: str,
    conditions: Sequence[Condition],
    service: Service,
    now: datetime,
    *,
    again: bool = False,
) -> None:
    """``again``: said anew even where it was said a moment ago."""
    held = await watches.take(tx, watcher)
    messages = await _raised(tx, watcher, conditions, now, now if again else now - SAID_AGAIN)
    holding = {one.fingerprint for one in conditions}
    messages += await _resolved(tx, [known for known in held if known not in holding], now)
    await service.outbox.put(tx, messages)


async def say_once(tx: Transaction, conditions: Sequence[Condition], service: Service, now: datetime) -> None:
    """Raise what is an event rather than a state, at most once in a while however often it comes."""
    await service.outbox.put(tx, await _raised(tx, EVENTS, conditions, now, now - SAID_AGAIN))


async def _raised(
    tx: Transaction, watcher: str, conditions: Sequence[Condition], now: datetime, said_before: datetime
) -> list[Message]:
    if not conditions:
        return []
    numbers = await watches.raise_all(tx, watcher, conditions, now, said_before)
    return alerts.raised([one for one in conditions if one.fingerprint in numbers], numbers, now)


async def _resolved(tx: Transaction, fingerprints: Sequence[str], now: datetime) -> list[Message]:
    if not fingerprints:
        return []
    over = await watches.resolve(tx, fingerprints, now)
    return [alerts.resolved(row["fingerprint"], row["name"], row["occurrence"], now) for row in over]
