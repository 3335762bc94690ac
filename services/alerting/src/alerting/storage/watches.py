"""Since when we watch, and the last compliance run that we heard of."""

from datetime import datetime

from clawback_common.postgres import Querier, Queries

SQL = Queries.load(__package__, "watches")


async def begin(db: Querier, now: datetime) -> None:
    """Notes the first start; later ones change nothing."""
    await db.execute(SQL["begin"], now)


async def seen(db: Querier, now: datetime) -> tuple[datetime, datetime | None]:
    """Since when we watch, and when a run last completed."""
    row = await db.fetchrow(SQL["seen"])
    return (row["started_at"], row["run_completed_at"]) if row else (now, None)


async def run_completed(db: Querier, ended_at: datetime, now: datetime) -> None:
    """A run completed."""
    await db.execute(SQL["run_completed"], ended_at, now)
