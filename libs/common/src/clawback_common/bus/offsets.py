"""Where a group stands on a topic, kept in its own database in the transaction of the effect.

A database that is restored from yesterday stands where it stood yesterday: from the smaller of its offsets and
the group's it reads again what it has forgotten.
"""

from collections.abc import Mapping

from clawback_common.bus.envelope import Batch
from clawback_common.db import Querier, Queries, Transaction

SQL = Queries.load(__package__, "offsets")


async def keep(tx: Transaction, group: str, batch: Batch[object]) -> None:
    """Notes the offset after the batch's last record of each partition."""
    after: dict[tuple[str, int], int] = {}
    for one in batch:
        place = (one.topic, one.partition)
        after[place] = max(after.get(place, 0), one.offset + 1)
    await move(tx, group, after)


async def move(tx: Transaction, group: str, after: Mapping[tuple[str, int], int]) -> None:
    """Notes the next offset of each (topic, partition)."""
    places = sorted(after)
    await tx.execute(
        SQL["keep"], group, [t for t, _ in places], [p for _, p in places], [after[place] for place in places]
    )


async def stored(db: Querier, group: str) -> dict[tuple[str, int], int]:
    """The next offset of each (topic, partition) that was ever noted."""
    rows = await db.fetch(SQL["stored"], group)
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
