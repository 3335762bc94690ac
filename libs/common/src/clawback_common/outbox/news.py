"""The lane of references, rendered when they are sent: what was withdrawn meanwhile is never said."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog

from clawback_common.bus.gaps import log_ends
from clawback_common.bus.topic_ids import topic_id
from clawback_common.db import Database, Queries, Transaction
from clawback_common.outbox.relay import Lane, Render
from clawback_common.settings import CommonSettings

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


class Log(NamedTuple):
    """A topic as the broker has it now."""

    topic: str
    topic_id: UUID
    ends: Mapping[int, tuple[int, int]]
    """The first and the next offset of each partition."""


async def log_of(settings: CommonSettings, topic: str) -> Log:
    """The log of now.

    Raises:
        Transient: the broker does not answer, or has no such topic.
    """
    return Log(topic, await topic_id(settings, topic), await log_ends(settings, topic))


async def send_lost_again(db: Database, log: Log, now: datetime, kept: timedelta) -> bool:
    """Queues again what was sent, if the log that it was sent to is gone.

    A topic that was made again has another id, however far it has grown since; one that lost records ends before what
    was confirmed.

    Args:
        db: where the outbox is.
        log: what it is sent to.
        now: the time.
        kept: as long as the topic keeps records.
    """
    since = now - kept
    async with db.transaction() as tx:
        before = await tx.fetchval(SQL["known_log"], log.topic)
        last = {row["partition"]: row["kafka_offset"] for row in await tx.fetch(SQL["last_sent"], since)}
        whole = all(offset < log.ends.get(partition, (0, 0))[1] for partition, offset in last.items())
        if before == log.topic_id and whole:
            return False
        await tx.execute(SQL["note_log"], log.topic, log.topic_id, now)
        if before in {None, log.topic_id} and whole:
            return False
        await tx.execute(SQL["send_again"], since)
    _log.warning("the log that was written is gone; what it had is sent again", topic=log.topic)
    return True


def lane(render: Render) -> Lane:
    """The lane, given who knows what a reference says."""
    return Lane("news", SQL, render)
