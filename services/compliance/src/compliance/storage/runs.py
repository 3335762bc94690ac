"""Runs of the daily check: each leaves a row, also on a day with nothing to revoke."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "runs")


async def request(db: Querier, run_id: UUID, cause: str, asked_by: str, now: datetime, *, mock: bool) -> None:
    """Asks for a run."""
    await db.execute(SQL["request"], run_id, cause, asked_by, now, mock)


async def next_requested(db: Querier) -> UUID | None:
    """The run that was asked for first and that nobody has begun."""
    found: UUID | None = await db.fetchval(SQL["next_requested"])
    return found


async def start(db: Querier, run_id: UUID, now: datetime) -> bool:
    """Begins it; False when somebody has."""
    return (await db.execute(SQL["start"], run_id, now)).endswith(" 1")


async def polled(db: Querier, run_id: UUID, polls: Sequence[Mapping[str, object]], noticed: int) -> None:
    """Notes what its polls brought."""
    await db.execute(SQL["polled"], run_id, orjson.dumps(list(polls)).decode(), noticed)


async def complete(
    tx: Transaction,
    run_id: UUID,
    outcome: str,
    now: datetime,
    *,
    noticed: int,
    closed: int,
    still_open: int,
    overdue: int,
    open_in_all: int,
) -> bool:
    """Ends it; False when it was ended by somebody else."""
    tag = await tx.execute(
        SQL["complete"], run_id, outcome, now, noticed, closed, still_open, overdue, open_in_all
    )
    return tag.endswith(" 1")


async def fail(tx: Transaction, run_id: UUID, error: str, now: datetime) -> bool:
    """Ends it with what went wrong; False when it was ended by somebody else."""
    return (await tx.execute(SQL["fail"], run_id, now, error[:500])).endswith(" 1")


async def left_behind(tx: Querier, but: UUID) -> list[Row]:
    """Runs whose process has died, seen by the one who runs now."""
    return await tx.fetch(SQL["left_behind"], but)


async def last_completed(db: Querier) -> datetime | None:
    """When a run completed last."""
    found: datetime | None = await db.fetchval(SQL["last_completed"])
    return found


async def failed_in_a_row(db: Querier) -> int:
    """Runs that failed since one completed last; counts no further than 1,000."""
    return int(await db.fetchval(SQL["failed_in_a_row"]))


async def last(db: Querier) -> Row | None:
    """The run that ended last, however it ended."""
    return await db.fetchrow(SQL["last"])


async def one(db: Querier, run_id: UUID) -> Row | None:
    """One run."""
    return await db.fetchrow(SQL["one"], run_id)


async def page(db: Querier, before: tuple[datetime, UUID], limit: int) -> list[Row]:
    """Runs, the newest first, from a position on."""
    return await db.fetch(SQL["page"], *before, limit)
