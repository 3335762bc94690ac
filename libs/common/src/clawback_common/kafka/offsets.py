"""Where a group stands on a topic, kept in its own database in the transaction of the effect.

A database that is restored from yesterday stands where it stood yesterday: from the smaller of its offsets and
the group's it reads again what it has forgotten.
"""

from collections.abc import Mapping

from clawback_common.kafka.envelope import Batch
from clawback_common.postgres import Querier, Queries, Transaction

SQL = Queries.load(__package__, "offsets")


async def keep(tx: Transaction, group: str, batch: Batch[object]) -> None:
    """Notes where each partition of the batch may be resumed."""
    after: dict[tuple[str, int], int] = {}
    for one in batch:
        place = (one.topic, one.partition)
        following = one.offset + 1 if one.next_offset is None else one.next_offset
        after[place] = max(after.get(place, 0), following)
    await move(tx, group, after)


async def move(tx: Transaction, group: str, after: Mapping[tuple[str, int], int]) -> None:
    """Notes the next offset of each (topic, partition); one that is further already stays."""
    places = sorted(after)
    await tx.execute(
        SQL["keep"], group, [t for t, _ in places], [p for _, p in places], [after[place] for place in places]
    )


async def rewind(tx: Transaction, group: str, to: Mapping[tuple[str, int], int]) -> None:
    """Goes back to these offsets, for partitions whose log is another one now."""
    places = sorted(to)
    await tx.execute(
        SQL["rewind"], group, [t for t, _ in places], [p for _, p in places], [to[place] for place in places]
    )


async def stored(db: Querier, group: str) -> dict[tuple[str, int], int]:
    """The next offset of each (topic, partition) that was ever noted."""
    rows = await db.fetch(SQL["stored"], group)
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
