"""Lost logs: when the broker has lost a topic's records, the outbox sends them again."""

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
    """A topic in its current state on the broker."""

    topic: str
    topic_id: UUID
    ends: Mapping[int, tuple[int, int]]
    """The first and the next offset of each partition."""


async def log_of(settings: CommonSettings, topic: str) -> Log:
    """Return the current log.

    Raises:
        Transient: the broker does not respond, or has no such topic.
    """
    return Log(topic, await topic_id(settings, topic), await log_ends(settings, topic))


async def send_again(db: Database, lane: Mapping[str, str], log: Log, now: datetime, *arguments: Any) -> bool:
    """Queue the sent rows again, if the log that they were sent to is lost.

    A topic that was created again has another id, however many records it has since received. A log that lost records
    ends before offsets that were confirmed.

    Args:
        db: the database with the outbox.
        lane: its queries ``last_sent`` and ``send_again``.
        log: the current log.
        now: the time.
        arguments: of both queries: what was sent, and since when.

    Returns:
        Whether the log is lost.
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
    _log.warning("topic log lost, its messages are sent again", topic=log.topic)
    return True
