"""Sweeps: what was asked of whom, and how far it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.sweep.v1 import Action
from retention.domain.sweep import Sweep

SQL = Queries.load(__package__, "sweeps")


@dataclass(frozen=True, slots=True)
class Taken:
    """A sweep whose row we hold, and the trace that its request began."""

    sweep: Sweep
    traceparent: str | None


async def put(
    tx: Transaction,
    sweep: Sweep,
    cause: str,
    hold_ids: Sequence[UUID],
    traceparent: str | None,
    next_send_at: datetime,
) -> None:
    """Notes a request that is about to be sent for the first time."""
    await tx.execute(
        SQL["put"],
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
        traceparent,
        next_send_at,
    )


async def take(tx: Transaction, sweep_ids: Collection[UUID]) -> dict[UUID, Sweep]:
    """Locks these; one that we do not know is not in the answer."""
    rows = await tx.fetch(SQL["take"], sorted(set(sweep_ids)))
    return {row["sweep_id"]: _sweep(row) for row in rows}


async def take_due(tx: Transaction, now: datetime, limit: int) -> list[Taken]:
    """Locks open ones whose time to be sent again has come."""
    return [Taken(_sweep(row), row["traceparent"]) for row in await tx.fetch(SQL["take_due"], now, limit)]


async def take_open(tx: Transaction, data_class: str) -> list[Taken]:
    """Locks those of a class that may still remove something."""
    return [Taken(_sweep(row), row["traceparent"]) for row in await tx.fetch(SQL["take_open"], data_class)]


async def sent(
    tx: Transaction, sweep: Sweep, hold_ids: Sequence[UUID], now: datetime, next_send_at: datetime
) -> None:
    """Notes another sending, and what it said."""
    await tx.execute(SQL["sent"], sweep.sweep_id, sweep.attempt, list(hold_ids), now, next_send_at)


async def close_if_complete(tx: Transaction, sweep_ids: Collection[UUID], now: datetime) -> list[Row]:
    """Closes those that every owner has answered. Gives the ones that changed."""
    return await tx.fetch(SQL["settle"], sorted(set(sweep_ids)), now)


async def last_done(db: Querier, data_classes: Collection[str]) -> dict[str, datetime]:
    """When each class was last swept to the end; one that never was is not in it."""
    rows = await db.fetch(SQL["last_done"], list(data_classes))
    return {row["data_class"]: row["closed_at"] for row in rows}


async def failing(db: Querier, since: datetime) -> list[Row]:
    """Class, owner and action of what failed last."""
    return await db.fetch(SQL["failing"], since)


async def unanswered(db: Querier, before: datetime) -> list[Row]:
    """Owners that owe answers from before then, how many, and since when."""
    return await db.fetch(SQL["unanswered"], before)


async def some(db: Querier, sweep_ids: Sequence[UUID]) -> list[Row]:
    """These, by class."""
    return await db.fetch(SQL["some"], list(sweep_ids))


async def page(
    db: Querier, before: tuple[datetime, UUID], limit: int, data_class: str | None, state: str | None
) -> list[Row]:
    """Sweeps, the newest first, from a position on."""
    return await db.fetch(SQL["page"], *before, data_class, state, limit)


async def open_count(db: Querier) -> int:
    """How many wait for an answer."""
    return int(await db.fetchval(SQL["open_count"]))


def _sweep(row: Row) -> Sweep:
    return Sweep(
        sweep_id=row["sweep_id"],
        data_class=row["data_class"],
        action=Action(row["action"]),
        owners=tuple(row["owners"]),
        before=row["before"],
        dry_run=row["dry_run"],
        requested_at=row["requested_at"],
        requested_by=row["requested_by"],
        attempt=row["attempt"],
    )
