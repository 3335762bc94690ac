"""Control articles that a store reported as gone, stored so that all workers know each and since when."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from clawback_common.postgres import Querier, Queries, Transaction

SQL = Queries.load(__package__, "controls")
MISSING_MAX = 20
"""The maximum per store; all of them are in each question."""


async def missing(db: Querier, store: str) -> list[str]:
    """Returns the controls that the store reported as gone and has not reported as held since."""
    return [row["article_id"] for row in await db.fetch(SQL["missing"], store)]


class Recorded(NamedTuple):
    """The missing controls of a store, before and after its answer."""

    before: bool
    """Whether any was missing."""
    since: datetime | None
    """Since when the longest missing control is missing; None: none is missing any more."""


async def record(
    tx: Transaction, store: str, asked: Sequence[str], missed: Sequence[str], now: datetime
) -> Recorded:
    """Records which of the asked controls are missing; deletes the others."""
    known = {row["article_id"]: row["missing_since"] for row in await tx.fetch(SQL["lock"], store)}
    found = sorted((known.keys() & set(asked)) - set(missed))
    if found:
        await tx.execute(SQL["found"], store, found)
    new = sorted(set(missed) - known.keys())
    if new:
        await tx.execute(SQL["save"], store, new, now, MISSING_MAX)
    left = [since for article_id, since in known.items() if article_id not in found]
    return Recorded(bool(known), min([*left, *([now] if new else [])], default=None))
