"""Legal holds and their history."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build
from clawback_contracts.sweep.v1 import ENDED_HOLDS_MAX, EndedHold
from retention.domain.hold import LegalHold, State

SQL = Queries.load(__package__, "holds")
_LOCK = 0x686F6C64


async def lock(tx: Transaction) -> None:
    """Locks out other transactions that place a hold or send a request, until this transaction ends."""
    await tx.execute(SQL["lock"], _LOCK)


async def insert(tx: Transaction, hold: LegalHold, reason: str, now: datetime) -> None:
    """Inserts a hold."""
    await tx.execute(
        SQL["insert"],
        hold.hold_id,
        hold.data_class,
        list(hold.article_ids),
        hold.dated_from,
        hold.dated_until,
        reason,
        hold.placed_by,
        now,
    )
    await insert_change(tx, hold.hold_id, State.PLACED, hold.placed_by, reason, now)


async def insert_change(
    tx: Transaction, hold_id: UUID, change: str, by: str, note: str, now: datetime
) -> None:
    """Adds to its history."""
    await tx.execute(SQL["insert_change"], hold_id, now, by, change, note)


async def in_force(db: Querier, data_classes: Collection[str]) -> dict[str, list[LegalHold]]:
    """Returns the holds in force by class; a class without any has an empty list."""
    found: dict[str, list[LegalHold]] = {name: [] for name in data_classes}
    for row in await db.fetch(SQL["in_force"], list(data_classes)):
        found[row["data_class"]].append(_hold(row))
    return found


async def ended(db: Querier, data_classes: Collection[str]) -> dict[str, list[EndedHold]]:
    """Returns the latest ended holds by class; a class without any has an empty list."""
    found: dict[str, list[EndedHold]] = {name: [] for name in data_classes}
    for row in await db.fetch(SQL["latest_ended"], list(data_classes), ENDED_HOLDS_MAX):
        withdrawn = State(row["state"]) is State.WITHDRAWN
        by = (row["ended_by"],) if withdrawn else (row["lift_requested_by"], row["ended_by"])
        one = EndedHold(hold_id=row["hold_id"], ended_by=by, ended_at=row["ended_at"])
        found[row["data_class"]].append(one)
    return found


async def existing(tx: Transaction, hold_ids: Collection[UUID]) -> set[UUID]:
    """Returns which of these exist, in force or not."""
    return {row["hold_id"] for row in await tx.fetch(SQL["existing"], list(hold_ids))}


async def lock_existing(tx: Transaction, hold_id: UUID) -> LegalHold | None:
    """Locks one hold."""
    row = await tx.fetchrow(SQL["lock_existing"], hold_id)
    return _hold(row) if row else None


async def save_state(tx: Transaction, hold: LegalHold, to: State, by: str, note: str, now: datetime) -> None:
    """Saves its new state, who changed it, and why."""
    match to:
        case State.CONFIRMED if hold.state is State.PLACED:
            await tx.execute(SQL["confirmed"], hold.hold_id, by, now)
        case State.PLACED | State.CONFIRMED:
            await tx.execute(SQL["kept"], hold.hold_id, to.value)
        case State.LIFTING:
            await tx.execute(SQL["lifting"], hold.hold_id, by, now, note)
        case State.LIFTED | State.WITHDRAWN:
            await tx.execute(SQL["ended"], hold.hold_id, to.value, by, now)
    change = "kept" if hold.state is State.LIFTING and to.in_force else to.value
    await insert_change(tx, hold.hold_id, change, by, note, now)


async def one(db: Querier, hold_id: UUID) -> Row | None:
    """Returns one hold with its ids."""
    return await db.fetchrow(SQL["one"], hold_id)


async def changes(db: Querier, hold_id: UUID) -> list[Row]:
    """Returns its history, in order."""
    return await db.fetch(SQL["changes"], hold_id)


async def page(
    db: Querier, before: tuple[datetime, UUID], limit: int, data_class: str | None, *, ended_too: bool
) -> list[Row]:
    """Returns a page of holds without their ids, newest first."""
    return await db.fetch(SQL["page"], *before, data_class, ended_too, limit)


async def counts(db: Querier) -> dict[str, int]:
    """Returns the number of holds in force, by class."""
    return {row["data_class"]: row["holds"] for row in await db.fetch(SQL["counts"])}


def _hold(row: Row) -> LegalHold:
    return build(LegalHold, row, article_ids=tuple(row["article_ids"]), state=State(row["state"]))
