"""Legal holds: placed by one person and confirmed by a second; two people are needed to end one."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.errors import Conflict, Forbidden
from clawback_common.postgres import Transaction
from clawback_contracts.sweep.v1 import SweepFailed
from retention.domain import hold as holding
from retention.domain.hold import HoldRejected, LegalHold, State
from retention.domain.sweep import Sweep
from retention.gateways import events
from retention.storage import holds, sweeps
from retention.use_cases.service import Service
from retention.use_cases.sweeps import resend

Decide = Callable[[LegalHold], State | HoldRejected]
"""Decides on the locked hold."""


async def hold_placed(hold: LegalHold, reason: str, service: Service) -> Sequence[Sweep]:
    """Places a hold. It is in force when this returns.

    The owners are notified of it immediately, and every open sweep of its class is sent again with it.

    Returns:
        Sweeps that some owner has not answered: records that the hold names may already be deleted.

    Raises:
        Conflict: with it, the holds in force on the class would not fit into a request.
    """
    async with service.db.transaction() as tx:
        await holds.lock(tx)
        now = service.clock.now()
        in_force = (await holds.in_force(tx, [hold.data_class]))[hold.data_class]
        too_many = holding.too_many([*in_force, hold])
        if too_many:
            raise Conflict(f"{too_many}: hold a span of time, or the whole class")
        await holds.insert(tx, hold, reason, now)
        under_way = await sweeps.lock_open(tx, hold.data_class)
        await resend(tx, under_way, service, now)
        await _notify_owners(tx, hold, service, now)
    return under_way


async def hold_confirmed(hold_id: UUID, by: str, note: str, service: Service) -> State | None:
    """Confirms a hold, or its requested end, as the second person.

    Returns:
        The new state; None if there is no such hold.

    Raises:
        Forbidden: the second person must be another one.
        Conflict: there is nothing to confirm.
    """
    return await _move(hold_id, lambda hold: holding.confirm(hold, by), by, note, service)


async def hold_lifted(hold_id: UUID, by: str, reason: str, service: Service) -> State | None:
    """Requests the end of a hold; it is in force until a second person confirms.

    Raises:
        Conflict: it is over, or its end was already requested.
    """
    return await _move(hold_id, lambda hold: holding.end(hold, by), by, reason, service)


async def hold_kept(hold_id: UUID, by: str, note: str, service: Service) -> State | None:
    """Rejects the requested end of a hold; it stays in force.

    Raises:
        Conflict: its end was not requested.
    """
    return await _move(hold_id, holding.keep, by, note, service)


async def _move(hold_id: UUID, decide: Decide, by: str, note: str, service: Service) -> State | None:
    async with service.db.transaction() as tx:
        hold = await holds.lock_existing(tx, hold_id)
        if hold is None:
            return None
        match decide(hold):
            case HoldRejected(reason, same_person=True):
                raise Forbidden(reason)
            case HoldRejected(reason):
                raise Conflict(reason)
            case State() as to:
                now = service.clock.now()
                await holds.save_state(tx, hold, to, by, note, now)
                moved = await holds.lock_existing(tx, hold.hold_id)
                await _notify_owners(tx, moved or hold, service, now)
                return to


async def _notify_owners(tx: Transaction, hold: LegalHold, service: Service, now: datetime) -> None:
    """Sends the changed hold after the requests of this transaction that name it: owners reject older requests."""
    ended = [] if hold.state.in_force else (await holds.ended(tx, [hold.data_class]))[hold.data_class]
    in_force = [hold] if hold.state.in_force else []
    await service.outbox.put(tx, [events.holds_changed(hold.data_class, in_force, ended, now)])


async def save_unknown_holds(tx: Transaction, answer: SweepFailed, now: datetime) -> None:
    """Saves holds that an owner knows and retention does not, for example after a restore of retention's database."""
    unknown = {one.hold_id for one in answer.omitted_holds}
    unknown -= await holds.existing(tx, unknown)
    in_force = (await holds.in_force(tx, [answer.data_class]))[answer.data_class]
    for one in answer.omitted_holds:
        hold = LegalHold.from_owner(answer.data_class, one, answer.owner)
        if one.hold_id not in unknown or holding.too_many([*in_force, hold]):
            continue
        in_force.append(hold)
        note = f"reported by {answer.owner}; retention did not have it"
        await holds.insert(tx, hold, note, now)
        if one.confirmed_by and one.confirmed_by != hold.placed_by:
            await holds.save_state(tx, hold, State.CONFIRMED, one.confirmed_by, note, now)
