"""The position of a group on a topic, stored in the service's database in the transaction of the effect.

A database that is restored from a backup has the position of that backup. Consuming from the smaller of its offsets
and the group's redelivers the records that it has lost.
"""

from collections.abc import Mapping

from clawback_common.kafka.envelope import Batch
from clawback_common.postgres import Querier, Queries, Transaction

SQL = Queries.load(__package__, "offsets")


async def keep(tx: Transaction, group: str, batch: Batch[object]) -> None:
    """Store the offset at which each partition of the batch is resumed; a batch has the order of its partitions."""
    last = {(one.topic, one.partition): one for one in batch}
    after = {
        place: one.offset + 1 if one.next_offset is None else one.next_offset for place, one in last.items()
    }
    await move(tx, group, after)


async def move(tx: Transaction, group: str, after: Mapping[tuple[str, int], int]) -> None:
    """Store the next offset of each (topic, partition); a larger stored offset stays."""
    places = sorted(after)
    await tx.execute(
        SQL["keep"], group, [t for t, _ in places], [p for _, p in places], [after[place] for place in places]
    )


async def rewind(tx: Transaction, group: str, to: Mapping[tuple[str, int], int]) -> None:
    """Set these offsets even if smaller, for partitions whose log was replaced."""
    places = sorted(to)
    await tx.execute(
        SQL["rewind"], group, [t for t, _ in places], [p for _, p in places], [to[place] for place in places]
    )


async def stored(db: Querier, group: str) -> dict[tuple[str, int], int]:
    """Return the next offset of each (topic, partition) that was ever stored."""
    rows = await db.fetch(SQL["stored"], group)
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
