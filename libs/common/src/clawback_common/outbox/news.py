"""The lane of references, rendered when they are sent: what was withdrawn meanwhile is never said."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from clawback_common.db import Database, Queries, Transaction
from clawback_common.outbox.relay import Lane, Render

SQL = Queries.load(__package__, "news")
_log = structlog.stdlib.get_logger(__name__)


class NewsOutbox:
    """Takes references into a transaction; the relay is woken when it commits."""

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self.wake = wake or (lambda: None)

    async def put(
        self,
        tx: Transaction,
        refs: Sequence[str],
        versions: Sequence[int],
        parents: Sequence[str | None],
        at: datetime,
    ) -> None:
        """Queues references, of equal length with their versions and trace contexts."""
        if refs:
            await tx.execute(SQL["put"], refs, versions, parents, at)
            tx.on_commit(self.wake)


async def send_lost_again(
    db: Database, since: datetime, ends: Mapping[int, tuple[int, int]], topic: str
) -> bool:
    """Queues again what was sent since then, if the log that it was sent to is gone.

    Args:
        db: where the outbox is.
        since: as far back as the topic keeps records.
        ends: the first and the next offset of each partition of the topic.
        topic: its name, for the log.
    """
    last = {row["partition"]: row["kafka_offset"] for row in await db.fetch(SQL["last_sent"], since)}
    if all(offset < ends.get(partition, (0, 0))[1] for partition, offset in last.items()):
        return False
    _log.warning("the log that was written is gone; what it had is sent again", topic=topic)
    await db.execute(SQL["send_again"], since)
    return True


def lane(render: Render) -> Lane:
    """The lane, given who knows what a reference says."""
    return Lane("news", SQL, render)
