"""Legal holds: placed by one person, confirmed by a second; ended only by two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clawback_common.errors import Conflict, Forbidden
from clawback_common.postgres import Transaction
from clawback_contracts.sweep.v1 import SweepFailed
from retention.domain import hold as holding
from retention.domain.hold import LegalHold, Refused, State
from retention.domain.sweep import Sweep
from retention.gateways import events
from retention.storage import holds, sweeps
from retention.use_cases.service import Service
from retention.use_cases.sweeps import send_again


@dataclass(frozen=True, slots=True)
class HoldPlaced:
    """What a hold came too late for, perhaps."""

    under_way: Sequence[Sweep]
    """Sweeps that some owner has not answered: they may have removed already what the hold names."""


async def hold_placed(hold: LegalHold, reason: str, service: Service) -> HoldPlaced:
    """Place a hold. It is in force when this returns. Owners, and every sweep of its class that is open, get it now.

    Raises:
        Conflict: with it, the holds in force on the class would not fit into a request.
    """
    async with service.db.transaction() as tx:
        await holds.alone(tx)
        now = service.clock.now()
        in_force = (await holds.in_force(tx, [hold.data_class]))[hold.data_class]
        too_many = holding.too_many([*in_force, hold])
        if too_many:
            raise Conflict(f"{too_many}: hold a span of time, or the whole class")
        await holds.put(tx, hold, reason, now)
        under_way = await sweeps.take_open(tx, hold.data_class)
        await send_again(tx, under_way, service, now)
        await _tell_owners(tx, hold, service, now)
    return HoldPlaced([one.sweep for one in under_way])


async def hold_confirmed(hold_id: UUID, by: str, note: str, service: Service) -> State | None:
    """A second person confirms a hold, or its end. Gives the new state; None when there is no such hold.

    Raises:
        Forbidden: the same person cannot be the second.
        Conflict: there is nothing to confirm.
    """
    async with service.db.transaction() as tx:
        hold = await holds.take(tx, hold_id)
        return await _move(tx, hold, holding.confirm(hold, by), by, note, service) if hold else None


async def hold_lifted(hold_id: UUID, by: str, reason: str, service: Service) -> State | None:
    """Somebody asks for the end of a hold; it holds until a second person has confirmed that.

    Raises:
        Conflict: it is over, or its end has been asked for.
    """
    async with service.db.transaction() as tx:
        hold = await holds.take(tx, hold_id)
        return await _move(tx, hold, holding.end(hold, by), by, reason, service) if hold else None


async def hold_kept(hold_id: UUID, by: str, note: str, service: Service) -> State | None:
    """The end that was asked for is refused: it holds on.

    Raises:
        Conflict: nobody has asked for its end.
    """
    async with service.db.transaction() as tx:
        hold = await holds.take(tx, hold_id)
        return await _move(tx, hold, holding.keep(hold), by, note, service) if hold else None


async def _move(
    tx: Transaction, hold: LegalHold, to: State | Refused, by: str, note: str, service: Service
) -> State:
    match to:
        case Refused(words, same_person=True):
            raise Forbidden(words)
        case Refused(words):
            raise Conflict(words)
        case State():
            now = service.clock.now()
            await holds.moved(tx, hold, to, by, note, now)
            moved = await holds.take(tx, hold.hold_id)
            await _tell_owners(tx, moved or hold, service, now)
            return to


async def _tell_owners(tx: Transaction, hold: LegalHold, service: Service, now: datetime) -> None:
    """Behind the requests of this transaction that name it: an owner would refuse those that are older."""
    ended = [] if hold.state.in_force else (await holds.ended(tx, [hold.data_class]))[hold.data_class]
    in_force = [hold] if hold.state.in_force else []
    await service.orders.put(tx, [events.holds_changed(hold.data_class, in_force, ended, now)])


async def adopt(tx: Transaction, answer: SweepFailed, now: datetime) -> None:
    """Store the holds that an owner knows and we do not, as after a restore of our database."""
    unknown = {one.hold_id for one in answer.omitted_holds}
    unknown -= await holds.known(tx, unknown)
    in_force = (await holds.in_force(tx, [answer.data_class]))[answer.data_class]
    for one in answer.omitted_holds:
        hold = LegalHold.adopted(answer.data_class, one, answer.owner)
        if one.hold_id not in unknown or holding.too_many([*in_force, hold]):
            continue
        in_force.append(hold)
        note = f"named by {answer.owner}, which knew it when retention did not"
        await holds.put(tx, hold, note, now)
        if one.confirmed_by and one.confirmed_by != hold.placed_by:
            await holds.moved(tx, hold, State.CONFIRMED, one.confirmed_by, note, now)
