"""How many notifications each source of alerts has used in the current hour."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from clawback_common.postgres import Queries, Transaction

SQL = Queries.load(__package__, "budgets")
KEPT = timedelta(days=2)


async def lock(tx: Transaction, sources: Iterable[str], now: datetime) -> dict[str, int]:
    """Locks this hour's row of each source.

    Returns:
        How many notifications each has used.
    """
    rows = await tx.fetch(SQL["lock"], sorted(set(sources)), now)
    return {row["source"]: row["used"] for row in rows}


async def save(tx: Transaction, used: Mapping[str, int], refused: Iterable[str], now: datetime) -> None:
    """Saves how many notifications the sources have used, and which of them exceeded their budget."""
    refusing = set(refused)
    await tx.execute(
        SQL["save"], list(used), list(used.values()), [source in refusing for source in used], now
    )


async def summarise(tx: Transaction, now: datetime, refused_before: datetime) -> dict[str, int]:
    """Marks this hour's excess of each source as summarised, if it is due.

    Returns:
        The sources to summarise, with the number of their firing alerts that nobody was notified of.
    """
    await tx.execute(SQL["delete_old"], now - KEPT)
    rows = await tx.fetch(SQL["summarise"], now, refused_before)
    return {row["source"]: int(await tx.fetchval(SQL["count_unnotified"], row["source"])) for row in rows}
