"""Holders come, change and go."""

from datetime import timedelta

from clawback_common.errors import Conflict
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
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
                await holders.put(tx, registration, by, "changed", now)
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
        await holders.leave(tx, name, by, service.clock.now())
