"""The latest answer of each owner to each sweep."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed

SQL = Queries.load(__package__, "answers")


async def save(tx: Transaction, answers: Sequence[SweepAnswer], now: datetime) -> set[tuple[UUID, str]]:
    """Saves answers, at most one per sweep and owner.

    Returns:
        The sweep and owner of those that were new.
    """
    done = [one if isinstance(one, SweepCompleted) else None for one in answers]
    rows = await tx.fetch(
        SQL["save"],
        *columns(answers, "sweep_id owner attempt"),
        ["completed" if one else "failed" for one in done],
        *columns(answers, "started_at ended_at"),
        *([getattr(one, count, 0) for one in answers] for count in ("found", "removed", "held", "kept")),
        [sum(archive.records for archive in one.archives) if one else 0 for one in done],
        [_json(one.archives) if one else "[]" for one in done],
        [_json(one.tables) if one else "[]" for one in done],
        [one.error if isinstance(one, SweepFailed) else None for one in answers],
        now,
    )
    return {(row["sweep_id"], row["owner"]) for row in rows}


def _json(values: Sequence[object]) -> str:
    return orjson.dumps([dict(value) for value in values]).decode()  # type: ignore[call-overload]


async def owners(db: Querier, sweep_ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """Returns the owners that have answered, by sweep."""
    rows = await db.fetch(SQL["owners"], list(sweep_ids))
    return {row["sweep_id"]: frozenset(row["owners"]) for row in rows}


async def of_sweeps(db: Querier, sweep_ids: Sequence[UUID]) -> list[Row]:
    """Returns all answers to these sweeps, by sweep and owner."""
    return await db.fetch(SQL["of_sweeps"], list(sweep_ids))
