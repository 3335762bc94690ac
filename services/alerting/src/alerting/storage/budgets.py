"""What each source of alerts has used of its notifications of this hour."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from clawback_common.postgres import Queries, Transaction

SQL = Queries.load(__package__, "budgets")
KEPT = timedelta(days=2)


async def lock(tx: Transaction, sources: Iterable[str], now: datetime) -> dict[str, int]:
    """Locks this hour's row of each source. Gives how many notifications it has used."""
    rows = await tx.fetch(SQL["lock"], sorted(set(sources)), now)
    return {row["source"]: row["used"] for row in rows}


async def save(tx: Transaction, used: Mapping[str, int], refused: Iterable[str], now: datetime) -> None:
    """Writes what the sources have used, and which of them asked for more."""
    refusing = set(refused)
    await tx.execute(
        SQL["save"], list(used), list(used.values()), [source in refusing for source in used], now
    )


async def summarise(tx: Transaction, now: datetime, refused_before: datetime) -> dict[str, int]:
    """The sources whose excess is to be summarised now, with the number of their alerts nobody was notified of."""
    await tx.execute(SQL["forget"], now - KEPT)
    rows = await tx.fetch(SQL["summarise"], now, refused_before)
    return {row["source"]: int(await tx.fetchval(SQL["untold"], row["source"])) for row in rows}
