"""What is old of the records: taken in slices with everything that belongs to it, and removed by key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.retention import Held
from clawback_common.retention.archive import Record

SQL = Queries.load(__package__, "sweeps")
SLICE = 1_000
"""Orders, or other records, in one transaction and one archive."""
ALONE = ("receipts", "runs", "holder_changes", "notice_requests")
"""Records that belong to no order that goes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a sweep takes: what was closed before, unless it is held."""

    before: datetime
    held: Held

    @property
    def arrays(self) -> tuple[object, ...]:
        """For the queries."""
        return (self.before, self.held.ids, self.held.froms, self.held.untils)


@dataclass(frozen=True, slots=True)
class Slice:
    """Records that are taken, as they are to be archived, and the keys by which they go."""

    records: Sequence[Record]
    keys: tuple[object, ...]


async def tally(db: Querier, limit: Limit) -> tuple[int, int, int]:
    """Records that would go, orders that are held, orders that stand and stay."""
    row = await db.fetchrow(SQL["tally"], *limit.arrays)
    return (row["going"], row["held"], row["kept"]) if row else (0, 0, 0)


async def lock_orders(tx: Transaction, limit: Limit) -> Slice:
    """Orders with their notices, obligations and receipts."""
    rows = await tx.fetch(SQL["lock_orders"], *limit.arrays, SLICE)
    keys = (
        [row["revocation_id"] for row in rows],
        [row["article_id"] for row in rows],
        [row["order_no"] for row in rows],
    )
    return Slice(_records(await tx.fetch(SQL["records_of_orders"], *keys)) if rows else [], keys)


async def delete_orders(tx: Transaction, taken: Slice) -> int:
    """Removes them with all that belongs to them. Gives how many records."""
    return int(await tx.fetchval(SQL["delete_orders"], *taken.keys))


async def lock_alone(tx: Transaction, kind: str, limit: Limit) -> Slice:
    """Records of one of the kinds in ``ALONE``."""
    rows = await tx.fetch(SQL[f"lock_{kind}"], *limit.arrays, SLICE)
    return Slice(_records(rows), ([row["key"] for row in rows],))


async def delete_alone(tx: Transaction, kind: str, taken: Slice) -> int:
    """Removes them. Gives how many."""
    return int((await tx.execute(SQL[f"delete_{kind}"], *taken.keys)).rsplit(" ", 1)[-1])


def _records(rows: Sequence[Row]) -> list[Record]:
    return [Record(row["schema"], orjson.loads(row["record"])) for row in rows]
