"""Conditions that hold, since when we watch, and when a process was last seen."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import orjson

from clawback_common.alerts.condition import Condition
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SILENT_AFTER = timedelta(seconds=20)
"""A worker reports every few seconds that it is at work."""
RAISED_MAX = 500
"""Conditions that are shown at once."""
SQL = Queries.load(__package__, "alert_state")


async def take(tx: Transaction, watcher: str) -> dict[str, datetime]:
    """Locks a watcher's conditions: when each was said last, by fingerprint."""
    return {row["fingerprint"]: row["said_at"] for row in await tx.fetch(SQL["take"], watcher)}


async def raise_all(
    tx: Transaction, watcher: str, conditions: Mapping[str, Condition], now: datetime, said_before: datetime
) -> dict[str, tuple[int, datetime]]:
    """Notes that these (by fingerprint) are said now, but for those that hold and were said since.

    Gives number and time of each saying, by fingerprint: the time is ``now``, or later where another process, whose
    clock is ahead, has said something of it before.
    """
    found = conditions.values()
    rows = await tx.fetch(
        SQL["raise"],
        watcher,
        list(conditions),
        [condition.name for condition in found],
        [orjson.dumps(dict(condition.labels)).decode() for condition in found],
        [condition.severity.value for condition in found],
        [condition.summary for condition in found],
        now,
        said_before,
    )
    return {row["fingerprint"]: (row["occurrence"], row["said_at"]) for row in rows}


async def resolve(tx: Transaction, fingerprints: Sequence[str], now: datetime) -> list[Row]:
    """Notes that these hold no more. Gives fingerprint, name, number and time (as above) of those that did."""
    return await tx.fetch(SQL["resolve"], fingerprints, now)


async def silent(tx: Transaction, watcher: str, since: datetime) -> list[str]:
    """Locks the conditions that a watcher has not found since then. Gives their fingerprints."""
    return [row["fingerprint"] for row in await tx.fetch(SQL["silent"], watcher, since)]


async def raised(db: Querier) -> list[Row]:
    """What holds now, at most one more than `RAISED_MAX`."""
    return await db.fetch(SQL["raised"], RAISED_MAX + 1)


async def firing(tx: Transaction) -> list[str]:
    """The fingerprints of all that hold."""
    return [row["fingerprint"] for row in await tx.fetch(SQL["firing"])]


async def begin(db: Querier, now: datetime) -> None:
    """Notes the first start; later ones change nothing."""
    await db.execute(SQL["begin"], now)


async def begun(db: Querier) -> datetime | None:
    """Since when we watch."""
    found: datetime | None = await db.fetchval(SQL["begun"])
    return found


async def beat(db: Querier, role: str, now: datetime) -> None:
    """A process of this role is at work."""
    await db.execute(SQL["beat"], role, now)


async def seen(db: Querier, role: str) -> datetime | None:
    """When a process of this role was last at work."""
    found: datetime | None = await db.fetchval(SQL["seen"], role)
    return found


async def silence(db: Querier, role: str, now: datetime) -> str | None:
    """Since when no process of this role is at work, in words; None: one is."""
    last = await seen(db, role)
    if last is not None and now - last <= SILENT_AFTER:
        return None
    return f"last seen {last:%Y-%m-%d %H:%M:%S} UTC" if last else "never seen"
