"""Runs of the daily check: each has a row, also if there was nothing to revoke."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.run.v1 import RunCompleted

SQL = Queries.load(__package__, "runs")


async def request(
    db: Querier, run_id: UUID, cause: str, requested_by: str, now: datetime, *, mock: bool
) -> None:
    """Records the request for a run."""
    await db.execute(SQL["request"], run_id, cause, requested_by, now, mock)


async def next_requested(db: Querier) -> UUID | None:
    """Returns the oldest requested run that is not started."""
    found: UUID | None = await db.fetchval(SQL["next_requested"])
    return found


async def start(db: Querier, run_id: UUID, now: datetime) -> bool:
    """Starts it; False if another process has started it."""
    return (await db.execute(SQL["start"], run_id, now)).endswith(" 1")


async def polled(db: Querier, run_id: UUID, polls: Sequence[Mapping[str, object]], noticed: int) -> None:
    """Records the results of its polls."""
    await db.execute(SQL["polled"], run_id, orjson.dumps(list(polls)).decode(), noticed)


async def complete(tx: Transaction, run: RunCompleted, outcome: str, open_in_all: int) -> bool:
    """Ends it as completed; False if it had already ended."""
    counts = run.noticed, run.closed, run.open, run.overdue, open_in_all
    return (await tx.execute(SQL["complete"], run.run_id, outcome, run.ended_at, *counts)).endswith(" 1")


async def fail(tx: Transaction, run_id: UUID, error: str, now: datetime) -> bool:
    """Ends it as failed with the error; False if it had already ended."""
    return (await tx.execute(SQL["fail"], run_id, now, error[:500])).endswith(" 1")


async def left_behind(tx: Querier, but: UUID) -> list[Row]:
    """Returns running runs other than this one, whose processes have died."""
    return await tx.fetch(SQL["left_behind"], but)


async def last_completed(db: Querier) -> datetime | None:
    """Returns when the last run completed."""
    found: datetime | None = await db.fetchval(SQL["last_completed"])
    return found


async def failed_in_a_row(db: Querier) -> int:
    """Returns the number of failed runs since the last completed one; counts to at most 1,000."""
    return int(await db.fetchval(SQL["failed_in_a_row"]))


async def last(db: Querier) -> Row | None:
    """Returns the last run that ended, with any outcome."""
    return await db.fetchrow(SQL["last"])


async def one(db: Querier, run_id: UUID) -> Row | None:
    """Returns one run."""
    return await db.fetchrow(SQL["one"], run_id)


async def page(db: Querier, before: tuple[datetime, UUID], limit: int) -> list[Row]:
    """Returns runs, the newest first, before a position."""
    return await db.fetch(SQL["page"], *before, limit)
