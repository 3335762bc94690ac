"""Registration, change and removal of holders."""

from datetime import timedelta

from clawback_common.errors import Conflict
from clawback_common.postgres import Transaction
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from compliance.domain import condition
from compliance.domain.request import Request
from compliance.storage import holders, obligations, revocations
from compliance.use_cases.orders import close_if_complete
from compliance.use_cases.service import Service

RESENT_MAX = 5_000
"""Orders that one request resends; their rows are locked in one transaction."""
ON_BROKERS = timedelta(hours=8)
"""Content is deleted from the brokers within 7 hours, so a new holder may read articles published before that."""


async def holder_registered(registration: HolderRegistration, by: str, service: Service) -> None:
    """Registers or changes a holder.

    A new one gets obligations for revoked articles that it may still read on the brokers.

    Raises:
        Conflict: Another active holder has the same consumer group.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await holders.lock_exclusive(tx)
        other = await holders.of_group(tx, registration.group) if registration.group else None
        if other not in {None, registration.name}:
            raise Conflict("another active holder has this consumer group")
        there = await holders.one(tx, registration.name)
        if there is not None and there["status"] == "active":
            if holders.registration(there) != registration:
                revision = await holders.save(tx, registration, by, "changed", now)
                changed = condition.holder_changed(registration.name, "changed", by, revision)
                await service.alert_publisher.raise_event(tx, [changed], now)
            return
        in_force = await revocations.lock_in_force_since(tx, now - ON_BROKERS)
        await holders.save(tx, registration, by, "registered", now)
        obliged = await obligations.open_all(tx, in_force, now, registration.name)
        if obliged and registration.kind is not HolderKind.EXPIRY:
            await revocations.reopen(tx, obliged, now)


async def resend(name: str, by: str, service: Service) -> int:
    """Resends the orders that a holder has not answered, at most `RESENT_MAX`. Returns how many.

    Another holder that owes the same order receives it too, unless it has a later time for it.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        unanswered = await obligations.unanswered(tx, name, RESENT_MAX)
        taken = await revocations.lock_orders(tx, unanswered)
        again = await obligations.resend(tx, name, [one.revocation_id for one in taken], now)
        await revocations.send_from(tx, dict.fromkeys(again, now))
        await holders.resent(tx, name, by, now)
    return len(again)


async def holder_left(name: str, by: str, service: Service) -> bool:
    """Removes a holder. Returns False if it has open obligations, so a second person must confirm."""
    async with service.db.transaction() as tx:
        await holders.lock_exclusive(tx)
        if await obligations.unclosed_of_holder(tx, name):
            return False
        await _leaves(tx, name, by, service)
    return True


async def removed_by_request(tx: Transaction, request: Request, by: str, service: Service) -> None:
    """Removes a holder with open obligations after a second person's confirmation. The obligations stay open."""
    await holders.lock_exclusive(tx)
    there = await holders.one(tx, request.holder or "")
    if there is not None and there["status"] == "active":
        await _leaves(tx, there["name"], f"{request.made_by}, confirmed by {by}", service)


async def _leaves(tx: Transaction, name: str, by: str, service: Service) -> None:
    now = service.clock.now()
    revision = await holders.leave(tx, name, by, now)
    await service.alert_publisher.raise_event(
        tx, [condition.holder_changed(name, "removed", by, revision)], now
    )


async def close_unverifiable(service: Service, limit: int = 500) -> int:
    """Closes removals that consumers reported and that can no longer be verified. Returns how many.

    A consumer without a holdings address, which had one when it answered, would otherwise owe these orders forever. It
    is treated as any consumer without an address, and the evidence records this.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        found = await obligations.unverifiable(tx, limit)
        await revocations.lock_orders(tx, (order for order, _ in found))
        closed = await obligations.close_unverifiable(tx, found, now)
        await close_if_complete(tx, closed, now)
    return len(found)
