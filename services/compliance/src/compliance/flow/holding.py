"""Holders come, change and go."""

from datetime import timedelta

from clawback_common.errors import Conflict
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from compliance.domain import condition
from compliance.flow.orders import settle
from compliance.flow.service import Service
from compliance.state import holders, obligations, revocations

ON_BROKERS = timedelta(hours=8)
"""Content leaves the brokers within 7 hours, so a holder that joins may read what was published before that."""


async def holder_registered(registration: HolderRegistration, by: str, service: Service) -> None:
    """Register a holder or change it; one that is new owes what it may still read on the brokers.

    Raises:
        Conflict: another active holder consumes with its group.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await holders.hold_alone(tx)
        other = await holders.of_group(tx, registration.group) if registration.group else None
        if other not in {None, registration.name}:
            raise Conflict("another active holder consumes with this group")
        there = await holders.one(tx, registration.name)
        if there is not None and there["status"] == "active":
            if holders.registration(there) != registration:
                revision = await holders.put(tx, registration, by, "changed", now)
                changed = condition.holder_changed(registration.name, "changed", by, revision)
                await service.announcer.say_once(tx, [changed], now)
            return
        standing = await revocations.take_standing_since(tx, now - ON_BROKERS)
        await holders.put(tx, registration, by, "registered", now)
        obliged = await obligations.open_all(tx, standing, now, registration.name)
        if obliged and registration.kind is not HolderKind.EXPIRY:
            await revocations.reopen(tx, obliged, now)


async def holder_left(name: str, by: str, service: Service, *, force: bool) -> None:
    """A holder takes no more articles. What it owes it still owes.

    Raises:
        Conflict: it owes something, and nobody insisted.
    """
    async with service.db.transaction() as tx:
        await holders.hold_alone(tx)
        owed = await obligations.unclosed_of_holder(tx, name)
        if owed and not force:
            raise Conflict(
                f"{owed} obligations of this holder are not closed; with force=true it leaves all the same, and "
                "they stay open"
            )
        now = service.clock.now()
        revision = await holders.leave(tx, name, by, now)
        left = condition.holder_changed(name, "removed", by, revision)
        await service.announcer.say_once(tx, [left], now)


async def close_unverifiable(service: Service, limit: int = 500) -> int:
    """Close by their own statement what consumers removed and nobody can verify any more.

    A consumer that has no holdings address now, and had one when it answered, would owe for ever what it says that
    it removed. It is treated as any consumer without an address, and the evidence says so. Gives how many.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        found = await obligations.unverifiable(tx, limit)
        await revocations.take(tx, (order for order, _ in found))
        closed = await obligations.close_unverifiable(tx, found, now)
        await settle(tx, closed, now)
    return len(found)
