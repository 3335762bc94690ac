"""When monitoring started, and when the last reported compliance run completed."""

from datetime import datetime

from clawback_common.postgres import Querier, Queries

SQL = Queries.load(__package__, "watches")


async def record_start(db: Querier, now: datetime) -> None:
    """Records the first start; later calls change nothing."""
    await db.execute(SQL["record_start"], now)


async def load(db: Querier, now: datetime) -> tuple[datetime, datetime | None]:
    """Returns when monitoring started, and when a run last completed."""
    row = await db.fetchrow(SQL["load"])
    return (row["started_at"], row["run_completed_at"]) if row else (now, None)


async def run_completed(db: Querier, ended_at: datetime, now: datetime) -> None:
    """Records a completed run."""
    await db.execute(SQL["run_completed"], ended_at, now)
