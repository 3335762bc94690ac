"""How each channel does: when it last took something, and since when it does not."""

from collections.abc import Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row

SQL = Queries.load(__package__, "channels")


async def sent(tx: Transaction, name: str, now: datetime) -> int:
    """It took something. Gives how many failures in a row end with that."""
    return int(await tx.fetchval(SQL["sent"], name, now))


async def failed(tx: Transaction, name: str, now: datetime, error: str) -> tuple[int, datetime]:
    """It did not. Gives how often in a row, and since when."""
    row = await tx.fetchrow(SQL["failed"], name, now, error)
    return (row["failures"], row["failing_since"]) if row else (1, now)


async def every(db: Querier) -> list[Row]:
    """All that were ever tried, by name."""
    return await db.fetch(SQL["all"])


async def forget(tx: Transaction, but: Sequence[str]) -> list[str]:
    """Forgets all but these. Gives which."""
    return [row["name"] for row in await tx.fetch(SQL["forget"], list(but))]
