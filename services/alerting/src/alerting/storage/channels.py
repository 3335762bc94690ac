"""The state of each channel: its last success, and since when it fails."""

from collections.abc import Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "channels")


async def sent(tx: Transaction, name: str, now: datetime) -> int:
    """Records a success.

    Returns:
        How many consecutive failures it ends.
    """
    return int(await tx.fetchval(SQL["sent"], name, now))


async def failed(tx: Transaction, name: str, now: datetime, error: str) -> int:
    """Records a failure.

    Returns:
        The number of consecutive failures.
    """
    return int(await tx.fetchval(SQL["failed"], name, now, error))


async def every(db: Querier) -> list[Row]:
    """Returns all channels that were ever tried, by name."""
    return await db.fetch(SQL["all"])


async def delete_others(tx: Transaction, keep: Sequence[str]) -> list[str]:
    """Deletes all channels except these.

    Returns:
        The deleted names.
    """
    return [row["name"] for row in await tx.fetch(SQL["delete_others"], list(keep))]
