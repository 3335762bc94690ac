"""The lane of references, rendered when they are sent: what was withdrawn meanwhile is never said."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from clawback_common.messaging.outbox import lost_log
from clawback_common.messaging.outbox.lost_log import Log
from clawback_common.messaging.outbox.relay import Lane, Render
from clawback_common.postgres import Database, Queries, Transaction

SQL = Queries.load(__package__, "news")


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


async def send_lost_again(db: Database, log: Log, now: datetime, kept: timedelta) -> bool:
    """Queues again what was sent within the time that the topic keeps records, if the log that has it is gone."""
    return await lost_log.send_again(db, SQL, log, now, now - kept)


def lane(render: Render) -> Lane:
    """The lane, given who knows what a reference says."""
    return Lane("news", SQL, render)
