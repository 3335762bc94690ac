"""A log that is gone with what was sent to it: the outbox still has that, and sends it again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from clawback_common.config.settings import CommonSettings
from clawback_common.kafka.gaps import log_ends
from clawback_common.kafka.topic_ids import topic_id
from clawback_common.postgres import Database, Queries

SQL = Queries.load(__package__, "lost_log")
_log = structlog.stdlib.get_logger(__name__)


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


async def send_again(db: Database, lane: Mapping[str, str], log: Log, now: datetime, *arguments: Any) -> bool:
    """Queues again what was sent, if the log that it was sent to is gone.

    A topic that was made again has another id, however far it has grown since; one that lost records ends before what
    was confirmed.

    Args:
        db: where the outbox is.
        lane: its queries ``last_sent`` and ``send_again``.
        log: what it is sent to.
        now: the time.
        arguments: of both queries: what was sent, and since when.
    """
    async with db.transaction() as tx:
        before = await tx.fetchval(SQL["known"], log.topic)
        last = {
            row["partition"]: row["kafka_offset"] for row in await tx.fetch(lane["last_sent"], *arguments)
        }
        whole = all(offset < log.ends.get(partition, (0, 0))[1] for partition, offset in last.items())
        if before == log.topic_id and whole:
            return False
        await tx.execute(SQL["note"], log.topic, log.topic_id, now)
        if before in {None, log.topic_id} and whole:
            return False
        await tx.execute(lane["send_again"], *arguments)
    _log.warning("the log that was written is gone; what it had is sent again", topic=log.topic)
    return True
