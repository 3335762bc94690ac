"""Quarantine: records that could not be processed, stored complete in the service's database.

The dead letter refers to the row here. The bytes are content. A takedown deletes them by any article id that they may
be about. Where the body contains no id, they are deleted after hours. Of a record that may be about a revoked article,
or one that its sender may not submit, no bytes are stored.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson

from clawback_common.errors import Poison
from clawback_common.kafka.envelope import Message
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.postgres.rows import columns
from clawback_common.subjects import is_article_id
from clawback_common.telemetry import counter
from clawback_common.telemetry.tracing import valid_traceparent
from clawback_contracts.deadletter.v1 import DeadLetter
from clawback_contracts.envelope import event_id

SQL = Queries.load(__package__, "quarantine")
KEPT_WITHOUT_SUBJECT = timedelta(hours=12)
KEPT = timedelta(days=30)
SLICE = 1_000
HEADERS_MAX = 100
TEXT_CHARS_MAX = 500

ForbiddenIds = Callable[[Transaction, Sequence[str]], Awaitable[set[str]]]
"""Returns those of the ids about which no bytes may be stored: revoked, or not allowed for their sender."""

_REASON = re.compile(r"[a-z0-9_]{1,64}")

_SET_ASIDE = counter("quarantine_set_aside_total", "Records that were quarantined.", ("topic", "reason"))


@dataclass(frozen=True, slots=True)
class Bad:
    """A record that could not be processed, and the reason."""

    error: Poison
    source: str
    """The consumer group, feed or source."""
    topic: str
    """The topic, or the name of the source."""
    partition: int = 0
    offset: int = 0
    at: datetime | None = None
    event_id: str | None = None
    subjects: tuple[str, ...] = ()
    """Every id that the record may be about, the key's first; a takedown finds it by any of them."""
    identified: bool = True
    """Whether the body contains the id it is about. Otherwise a takedown may not find its bytes."""
    type: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    sender: str | None = None
    """The signer, when the signature is of a known key."""

    @property
    def subject(self) -> str | None:
        """The id in its key, else in its body."""
        return self.subjects[0] if self.subjects else None

    def without_bytes(self) -> "Bad":
        """Return the same record without any of its content."""
        return replace(self, key=None, value=None, headers={})

    def minimal(self) -> "Bad":
        """Return what can always be stored: the position, the reason, and ids of articles."""
        reason = self.error.reason if _REASON.fullmatch(self.error.reason) else "refused"
        return replace(
            self.without_bytes(),
            error=Poison(reason, "the record could not be quarantined completely"),
            event_id=None,
            type=None,
            subjects=tuple(one for one in self.subjects if is_article_id(one)),
        )

    @property
    def id(self) -> UUID:
        """The id of the row, the same for the same record of the same log; a new log has new ids."""
        return event_id(
            "quarantine", self.source, self.topic, self.partition, self.offset, self.at, self.event_id
        )


async def put(
    tx: Transaction,
    outbox: PriorityOutbox,
    bads: Sequence[Bad],
    now: datetime,
    forbidden: ForbiddenIds | None = None,
) -> list[UUID]:
    """Quarantine records, each with one dead letter however often it is delivered; return the new ids."""
    unique = {bad.id: bad for bad in bads}
    dropped = await _forbidden(tx, list(unique.values()), forbidden)
    rows = [bad.without_bytes() if key in dropped else bad for key, bad in unique.items()]
    new = await tx.fetch(
        SQL["put"],
        list(unique),
        *columns(rows, "source topic partition offset"),
        [_storable(bad.event_id) for bad in rows],
        [orjson.dumps([_storable(one) for one in bad.subjects]).decode() for bad in rows],
        [_storable(bad.type) for bad in rows],
        [bad.error.reason for bad in rows],
        [_storable(bad.error.detail) for bad in rows],
        [bad.key for bad in rows],
        [bad.value for bad in rows],
        [_storable_headers(bad.headers) for bad in rows],
        now,
        [_purge_at(bad, now) for bad in rows],
        ["not_kept" if key in dropped else None for key in unique],
        [bad.at for bad in rows],
        [bad.sender for bad in rows],
    )
    ids = {row["id"] for row in new}
    fresh = [bad for key, bad in zip(unique, rows, strict=True) if key in ids]
    for bad in fresh:
        _SET_ASIDE.labels(bad.topic, bad.error.reason).inc()
    await outbox.put(tx, [_dead_letter(bad, now) for bad in fresh])
    return list(ids)


async def _forbidden(tx: Transaction, bads: Sequence[Bad], forbidden: ForbiddenIds | None) -> set[UUID]:
    """Return the records of which no bytes may be stored."""
    subjects = sorted({one for bad in bads for one in bad.subjects}) if forbidden else []
    if forbidden is None or not subjects:
        return set()
    await tx.execute(SQL["lock_subjects"], subjects)
    refused = await forbidden(tx, subjects)
    return {bad.id for bad in bads if refused.intersection(bad.subjects)}


def _purge_at(bad: Bad, now: datetime) -> datetime | None:
    if bad.value is None and bad.key is None and not bad.headers:
        return None
    return now + (KEPT if bad.subjects and bad.identified else KEPT_WITHOUT_SUBJECT)


def _storable(text: str | None) -> str | None:
    """Replace NUL, which PostgreSQL's text cannot store."""
    return None if text is None else text.replace("\0", "\ufffd")[:TEXT_CHARS_MAX]


def _storable_headers(headers: Mapping[str, str]) -> str:
    kept = {_storable(name): _storable(value) for name, value in list(headers.items())[:HEADERS_MAX]}
    return orjson.dumps(kept).decode()


def _dead_letter(bad: Bad, now: datetime) -> Message:
    letter = DeadLetter(
        group=bad.source,
        topic=bad.topic,
        partition=bad.partition,
        offset=bad.offset,
        timestamp=bad.at,
        event_id=bad.event_id[:200] if bad.event_id else None,
        reason=bad.error.reason if _REASON.fullmatch(bad.error.reason) else "refused",
        detail=bad.error.detail[:TEXT_CHARS_MAX],
        quarantine_id=bad.id,
        set_aside_at=now,
    )
    return Message.of(
        letter,
        event_id("dead-letter", bad.id),
        at=now,
        traceparent=valid_traceparent(bad.headers.get("traceparent")),
        topic=DeadLetter.TOPIC.format(group=bad.source),
    )


async def purge(tx: Transaction, subjects: Sequence[str], now: datetime) -> set[str]:
    """Delete the bytes of all records that may be about these ids; return the ids that had any."""
    await tx.execute(SQL["lock_subjects"], subjects)
    return {row["subject"] for row in await tx.fetch(SQL["purge_subjects"], subjects, now)}


async def held(db: Querier, subjects: Sequence[str]) -> set[str]:
    """Return the ids about which bytes are stored."""
    return {row["subject"] for row in await db.fetch(SQL["held"], subjects)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a record could not be processed, without its content."""

    topic: str
    """Or the source of a body."""
    sender: str | None
    """The signer."""
    subjects: tuple[str, ...]
    reason: str
    detail: str
    arrived_at: datetime


async def refusals(db: Querier, event_id: str) -> list[Refusal]:
    """Return the refusals of records with this event id, of any sender, newest first."""
    rows = await db.fetch(SQL["of_event"], _storable(event_id))
    return [
        Refusal(
            row["topic"],
            row["sender"],
            tuple(row["subjects"]),
            row["reason"],
            row["detail"] or "",
            row["arrived_at"],
        )
        for row in rows
    ]


async def tidy(db: Database, now: datetime) -> None:
    """Delete expired bytes, in slices."""
    while (await db.execute(SQL["purge_old"], now, SLICE)).endswith(f" {SLICE}"):
        pass


def instant(timestamp_ms: int | None) -> datetime | None:
    """Return Kafka's timestamp as an instant; None for an invalid one."""
    if timestamp_ms is None or timestamp_ms < 0:
        return None
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
