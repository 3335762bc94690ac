"""Compliance runs, one row each."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_contracts.run.v1 import RunCompleted, RunFailed

SQL = Queries.load(__package__, "runs")


async def save(tx: Transaction, runs: Sequence[RunCompleted | RunFailed]) -> None:
    """Saves how runs ended. Each id occurs once."""
    completed = [run if isinstance(run, RunCompleted) else None for run in runs]
    await tx.execute(
        SQL["save"],
        [run.run_id for run in runs],
        [run.started_at for run in runs],
        [run.ended_at for run in runs],
        [run is not None for run in completed],
        [run.mock for run in runs],
        [run.noticed if run else None for run in completed],
        [run.closed if run else None for run in completed],
        [run.open if run else None for run in completed],
        [run.overdue if run else None for run in completed],
    )


async def page(db: Querier, before: tuple[datetime, UUID], limit: int) -> list[Row]:
    """Returns the runs before this end and id, newest first."""
    return await db.fetch(SQL["page"], *before, limit)
