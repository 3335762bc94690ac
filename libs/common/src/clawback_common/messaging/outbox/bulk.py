"""The lane of references, rendered when they are sent, so that withdrawn content is never published."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from clawback_common.messaging.outbox import lost_log
from clawback_common.messaging.outbox.lost_log import Log
from clawback_common.messaging.outbox.relay import Lane, Render
from clawback_common.postgres import Database, Queries, Transaction

SQL = Queries.load(__package__, "bulk")


class BulkOutbox:
    """Stores references in a transaction and wakes the relay after the commit."""

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
        """Queue references; versions and trace contexts have the same length."""
        if refs:
            await tx.execute(SQL["put"], refs, versions, parents, at)
            tx.on_commit(self.wake)


async def send_lost_again(db: Database, log: Log, now: datetime, kept: timedelta) -> bool:
    """Queue again what was sent within the topic's retention time, if the log is lost."""
    return await lost_log.send_again(db, SQL, log, now, now - kept)


def lane(render: Render) -> Lane:
    """Return the lane with this renderer of references."""
    return Lane("bulk", SQL, render)
