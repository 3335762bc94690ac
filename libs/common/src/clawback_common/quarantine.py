"""Quarantine: records that could not be used, kept whole in our own database; the dead letter points here.

The bytes are content. A takedown purges them by subject; what names no subject goes by age.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from clawback_common.bus.envelope import Message
from clawback_common.db import Querier, Queries, Transaction
from clawback_common.errors import Poison
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.telemetry import counter
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import event_id

SQL = Queries.load(__package__, "quarantine")
KEPT_WITHOUT_SUBJECT = timedelta(hours=12)
KEPT = timedelta(days=30)

_SET_ASIDE = counter("quarantine_set_aside_total", "Records that could not be used.", ("topic", "reason"))


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that could not be used, and why."""

    error: Poison
    source: str
    """The consumer group, feed or door."""
    topic: str
    """The topic, or the door's name."""
    partition: int = 0
    offset: int = 0
    at: datetime | None = None
    event_id: str | None = None
    subject: str | None = None
    """By what a takedown finds it."""
    type: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """The same record of the same log is the same row; a log that was wiped begins anew."""
        return event_id(
            "quarantine", self.source, self.topic, self.partition, self.offset, self.at, self.event_id
        )


async def put(tx: Transaction, outbox: OrdersOutbox, bads: Sequence[Bad], now: datetime) -> list[UUID]:
    """Sets records aside, each with one dead letter however often it comes. Gives the ids that are new."""
    rows = list({bad.id: bad for bad in bads}.values())
    new = await tx.fetch(
        SQL["put"],
        [bad.id for bad in rows],
        [bad.source for bad in rows],
        [bad.topic for bad in rows],
        [bad.partition for bad in rows],
        [bad.offset for bad in rows],
        [_storable(bad.event_id) for bad in rows],
        [_storable(bad.subject) for bad in rows],
        [_storable(bad.type) for bad in rows],
        [bad.error.reason for bad in rows],
        [bad.error.detail[:500] for bad in rows],
        [bad.key for bad in rows],
        [bad.value for bad in rows],
        [orjson.dumps({k: _storable(v) for k, v in bad.headers.items()}).decode() for bad in rows],
        [now] * len(rows),
    )
    ids = {row["id"] for row in new}
    for bad in rows:
        if bad.id in ids:
            _SET_ASIDE.labels(bad.topic, bad.error.reason).inc()
    await outbox.put(tx, [_dead_letter(bad, now) for bad in rows if bad.id in ids])
    return list(ids)


def _storable(text: str | None) -> str | None:
    """PostgreSQL's text holds no NUL."""
    return None if text is None else text.replace("\0", "\ufffd")[:500]


def _dead_letter(bad: Bad, now: datetime) -> Message:
    letter = DeadLetter(
        group=bad.source,
        topic=bad.topic,
        partition=bad.partition,
        offset=bad.offset,
        timestamp=bad.at,
        event_id=bad.event_id[:200] if bad.event_id else None,
        reason=bad.error.reason,
        detail=bad.error.detail[:500],
        quarantine_id=bad.id,
        set_aside_at=now,
    )
    return Message.of(
        letter,
        event_id("dead-letter", bad.id),
        at=now,
        traceparent=bad.headers.get("traceparent"),
        topic=DeadLetter.TOPIC.format(group=bad.source),
    )


async def purge(tx: Transaction, subjects: Sequence[str], now: datetime) -> set[str]:
    """Removes the bytes of all records on these subjects. Gives the subjects of which there were any."""
    return {row["subject"] for row in await tx.fetch(SQL["purge_subjects"], subjects, now)}


async def held(db: Querier, subjects: Sequence[str]) -> set[str]:
    """The subjects of which bytes are still kept."""
    return {row["subject"] for row in await db.fetch(SQL["held"], subjects)}


async def tidy(tx: Transaction, now: datetime) -> None:
    """Lets go of bytes by age."""
    await tx.execute(SQL["purge_old"], now - KEPT_WITHOUT_SUBJECT, now - KEPT, now)


def instant(timestamp_ms: int | None) -> datetime | None:
    """Kafka's timestamp as an instant; None for what is none."""
    if timestamp_ms is None or timestamp_ms < 0:
        return None
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
