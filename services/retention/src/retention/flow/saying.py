"""Alerts: what is found to hold is said once, repeated while it lasts, and taken back when it ends."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from clawback_common import incidents
from clawback_common.bus.envelope import Message
from clawback_common.db import Transaction
from clawback_contracts.envelope import event_id
from retention.domain import condition
from retention.domain.condition import Condition
from retention.flow.service import Service
from retention.outlet import alerts
from retention.state import watches

SAID_AGAIN = timedelta(hours=1)
"""A condition that goes on is said again so often."""
EVENT_OVER = timedelta(hours=24)
EVENTS = "events"


async def on_set_aside(lane: str, what: str, service: Service) -> None:
    """A message that cannot be sent was set aside; the rest goes on."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await incidents.open_all(
            tx, "unsendable_row", [(event_id("unsendable", lane, what), None, what)], now
        )
        messages = await _raised(tx, EVENTS, [condition.unsendable(lane)], now, now - SAID_AGAIN)
        await service.outbox.put(tx, messages)


async def on_conditions(watcher: str, conditions: Sequence[Condition], service: Service) -> None:
    """What a watcher finds now: the new is raised, what goes on is repeated, what ended is taken back."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        held = await watches.take(tx, watcher)
        messages = await _raised(tx, watcher, conditions, now, now - SAID_AGAIN)
        holding = {one.fingerprint for one in conditions}
        messages += await _resolved(tx, [known for known in held if known not in holding], now)
        await service.outbox.put(tx, messages)


async def on_silence(service: Service) -> None:
    """What was an event rather than a state ends when it has not come again for a day."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        silent = await watches.silent(tx, EVENTS, now - EVENT_OVER)
        await service.outbox.put(tx, await _resolved(tx, silent, now))


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
