"""Sweeps: requests to owners, and their state."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build
from clawback_contracts.sweep.v1 import Action
from retention.domain.sweep import Sweep

SQL = Queries.load(__package__, "sweeps")


async def insert(
    tx: Transaction, sweep: Sweep, cause: str, hold_ids: Sequence[UUID], next_send_at: datetime
) -> None:
    """Inserts a request that is about to be sent for the first time."""
    await tx.execute(
        SQL["insert"],
        sweep.sweep_id,
        sweep.data_class,
        sweep.action.value,
        list(sweep.owners),
        sweep.before,
        sweep.dry_run,
        cause,
        sweep.requested_at,
        sweep.requested_by,
        sweep.attempt,
        list(hold_ids),
        sweep.traceparent,
        next_send_at,
    )


async def lock_existing(tx: Transaction, sweep_ids: Collection[UUID]) -> dict[UUID, Sweep]:
    """Locks these sweeps; unknown ones are missing in the result."""
    rows = await tx.fetch(SQL["lock_existing"], sorted(set(sweep_ids)))
    return {row["sweep_id"]: _sweep(row) for row in rows}


async def lock_due(tx: Transaction, now: datetime, limit: int) -> list[Sweep]:
    """Locks open sweeps that are due to be sent again."""
    return [_sweep(row) for row in await tx.fetch(SQL["lock_due"], now, limit)]


async def lock_open(tx: Transaction, data_class: str) -> list[Sweep]:
    """Locks the sweeps of a class that may still delete something."""
    return [_sweep(row) for row in await tx.fetch(SQL["lock_open"], data_class)]


async def save_sending(
    tx: Transaction, sweep: Sweep, hold_ids: Sequence[UUID], now: datetime, next_send_at: datetime
) -> None:
    """Saves another sending, and the holds it named."""
    await tx.execute(SQL["save_sending"], sweep.sweep_id, sweep.attempt, list(hold_ids), now, next_send_at)


async def close_if_complete(tx: Transaction, sweep_ids: Collection[UUID], now: datetime) -> list[Row]:
    """Closes the sweeps that every owner has answered.

    Returns:
        Those that changed.
    """
    return await tx.fetch(SQL["close_if_complete"], sorted(set(sweep_ids)), now)


async def last_done(db: Querier, data_classes: Collection[str]) -> dict[str, datetime]:
    """Returns when each class was last completely swept; a class that never was is missing."""
    rows = await db.fetch(SQL["last_done"], list(data_classes))
    return {row["data_class"]: row["closed_at"] for row in rows}


async def failing(db: Querier, since: datetime) -> list[Row]:
    """Returns class, owner and action of the latest failures."""
    return await db.fetch(SQL["failing"], since)


async def unanswered(db: Querier, before: datetime) -> list[Row]:
    """Returns the owners with unanswered requests from before, how many, and since when."""
    return await db.fetch(SQL["unanswered"], before)


async def one(db: Querier, sweep_id: UUID) -> Row | None:
    """Returns one sweep."""
    return await db.fetchrow(SQL["one"], sweep_id)


async def page(
    db: Querier, before: tuple[datetime, UUID], limit: int, data_class: str | None, state: str | None
) -> list[Row]:
    """Returns a page of sweeps, newest first."""
    return await db.fetch(SQL["page"], *before, data_class, state, limit)


async def open_count(db: Querier) -> int:
    """Returns how many wait for an answer."""
    return int(await db.fetchval(SQL["open_count"]))


def _sweep(row: Row) -> Sweep:
    return build(Sweep, row, action=Action(row["action"]), owners=tuple(row["owners"]))
