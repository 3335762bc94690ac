"""Queries of a sweep: records are selected in slices with everything that belongs to them, and deleted by key."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.retention.archive import Record
from clawback_common.retention.holds import SweepLimit

SQL = Queries.load(__package__, "sweeps")
SLICE = 1_000
"""Orders, or other records, per transaction and archive."""
ALONE = ("receipts", "runs", "holder_changes", "notice_requests")
"""Kinds of records that are deleted without an order."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Selected records in the form for the archive, and the keys for their deletion."""

    records: Sequence[Record]
    keys: tuple[object, ...]


async def tally(db: Querier, limit: SweepLimit) -> tuple[int, int, int]:
    """Returns the number of records to delete, of held orders, and of orders in force, which are kept."""
    row = await db.fetchrow(SQL["tally"], *limit.parameters)
    return (row["going"], row["held"], row["kept"]) if row else (0, 0, 0)


async def lock_orders(tx: Transaction, limit: SweepLimit) -> Slice:
    """Locks orders and returns them with their notices, obligations and receipts."""
    rows = await tx.fetch(SQL["lock_orders"], *limit.parameters, SLICE)
    keys = (
        [row["revocation_id"] for row in rows],
        [row["article_id"] for row in rows],
        [row["order_no"] for row in rows],
    )
    return Slice(_records(await tx.fetch(SQL["records_of_orders"], *keys)) if rows else [], keys)


async def delete_orders(tx: Transaction, taken: Slice) -> int:
    """Deletes orders with everything that belongs to them. Returns the number of records."""
    return int(await tx.fetchval(SQL["delete_orders"], *taken.keys))


async def lock_alone(kind: str, tx: Transaction, limit: SweepLimit) -> Slice:
    """Locks records of one of the kinds in ``ALONE``."""
    rows = await tx.fetch(SQL[f"lock_{kind}"], *limit.parameters, SLICE)
    return Slice(_records(rows), ([row["key"] for row in rows],))


async def delete_alone(kind: str, tx: Transaction, taken: Slice) -> int:
    """Deletes them. Returns how many."""
    return int((await tx.execute(SQL[f"delete_{kind}"], *taken.keys)).rsplit(" ", 1)[-1])


def _records(rows: Sequence[Row]) -> list[Record]:
    return [Record(row["schema"], orjson.loads(row["record"])) for row in rows]
