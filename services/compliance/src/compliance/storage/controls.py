"""Control articles that a store calls gone. In the database, so that every worker knows of each, and since when."""

from collections.abc import Sequence
from datetime import datetime

from clawback_common.postgres import Querier, Queries, Transaction

SQL = Queries.load(__package__, "controls")
MISSING_MAX = 20
"""Of each store, all of which are asked for again in each question."""


async def missing(db: Querier, store: str) -> list[str]:
    """What this store has called gone; it is asked for again until it is held, or no longer must be."""
    return [row["article_id"] for row in await db.fetch(SQL["missing"], store)]


async def record(
    tx: Transaction, store: str, asked: Sequence[str], missed: Sequence[str], now: datetime
) -> datetime | None:
    """Notes which of the controls that were asked for are missed; the others are not, or need not be held any more.

    Gives the earliest time since which one is missed.
    """
    known = {row["article_id"]: row["missing_since"] for row in await tx.fetch(SQL["lock"], store)}
    found = sorted((known.keys() & set(asked)) - set(missed))
    if found:
        await tx.execute(SQL["found"], store, found)
    new = sorted(set(missed) - known.keys())
    if new:
        await tx.execute(SQL["save"], store, new, now, MISSING_MAX)
    left = [since for article_id, since in known.items() if article_id not in found]
    return min([*left, *([now] if new else [])], default=None)
