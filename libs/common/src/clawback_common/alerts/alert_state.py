"""The stored state of alerts: firing conditions, the first start of the service, heartbeats of its processes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import orjson

from clawback_common.alerts.condition import Condition
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SILENT_AFTER = timedelta(seconds=20)
"""A role without a heartbeat for this long is not running; a worker sends one every few seconds."""
RAISED_MAX = 500
"""Most conditions that are listed at once."""
SQL = Queries.load(__package__, "alert_state")


async def take(tx: Transaction, watcher: str) -> dict[str, datetime]:
    """Lock the conditions of a watcher and return the time of the last publication of each, by fingerprint."""
    return {row["fingerprint"]: row["sent_at"] for row in await tx.fetch(SQL["take"], watcher)}


async def raise_all(
    tx: Transaction,
    watcher: str,
    conditions: Mapping[str, Condition],
    now: datetime,
    published_before: datetime,
) -> dict[str, tuple[int, datetime]]:
    """Record that these conditions are published now, except those that fire and were published recently.

    Args:
        tx: the transaction.
        watcher: the watcher that found the conditions.
        conditions: the conditions, by fingerprint.
        now: the time of publication.
        published_before: a firing condition is published again if its last publication was by then.

    Returns:
        Occurrence number and time of each publication, by fingerprint. The time is ``now``, or later where a process
        whose clock is ahead has published the same condition before.
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
        published_before,
    )
    return {row["fingerprint"]: (row["occurrence"], row["sent_at"]) for row in rows}


async def resolve(tx: Transaction, fingerprints: Sequence[str], now: datetime) -> list[Row]:
    """Record that these conditions ended; return fingerprint, name, occurrence and time of those that were firing."""
    return await tx.fetch(SQL["resolve"], fingerprints, now)


async def silent(tx: Transaction, watcher: str, since: datetime) -> list[str]:
    """Lock the conditions that a watcher has not found since then and return their fingerprints."""
    return [row["fingerprint"] for row in await tx.fetch(SQL["silent"], watcher, since)]


async def raised(db: Querier) -> list[Row]:
    """Return the firing conditions, at most one more than `RAISED_MAX`."""
    return await db.fetch(SQL["raised"], RAISED_MAX + 1)


async def firing(tx: Transaction) -> list[str]:
    """Return the fingerprints of all firing conditions."""
    return [row["fingerprint"] for row in await tx.fetch(SQL["firing"])]


async def begin(db: Querier, now: datetime) -> None:
    """Record the first start of the service; later calls change nothing."""
    await db.execute(SQL["begin"], now)


async def begun(db: Querier) -> datetime | None:
    """Return when the service was first started."""
    found: datetime | None = await db.fetchval(SQL["begun"])
    return found


async def beat(db: Querier, role: str, now: datetime) -> None:
    """Record a heartbeat of this role."""
    await db.execute(SQL["beat"], role, now)


async def seen(db: Querier, role: str) -> datetime | None:
    """Return the time of the last heartbeat of this role."""
    found: datetime | None = await db.fetchval(SQL["seen"], role)
    return found


async def silence(db: Querier, role: str, now: datetime) -> str | None:
    """Return when this role was last seen, as text; None while a process of the role is running."""
    last = await seen(db, role)
    if last is not None and now - last <= SILENT_AFTER:
        return None
    return f"last seen {last:%Y-%m-%d %H:%M:%S} UTC" if last else "never seen"
