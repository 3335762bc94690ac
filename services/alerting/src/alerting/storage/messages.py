"""The outbox of the channels: notifications, collected in one message per group, claimed by one sender at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from alerting.domain.alert import Alert
from alerting.domain.budget import sending_rank
from alerting.domain.message_format import Line
from alerting.domain.notification_policy import Delivered, Notification
from alerting.domain.routing import Target
from clawback_common.postgres import Querier, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import build, columns
from clawback_contracts.alert.v1 import Severity
from clawback_contracts.envelope import event_id

SQL = Queries.load(__package__, "messages")
NOTIFICATIONS_MAX = 500
"""Maximum number of notifications in an answer about one alert."""
LEASE = timedelta(seconds=45)
"""Longer than one attempt by any channel. After it, another sender takes over the messages of one that died."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that belongs to this sender until its lease ends."""

    message_id: UUID
    recipient: str
    channel: str
    severity: Severity
    due_at: datetime
    attempts: int


async def delivered(tx: Transaction, alerts: Sequence[Alert]) -> dict[str, dict[tuple[str, str], Delivered]]:
    """Returns what was sent or queued of the current occurrences of locked alerts.

    Returns:
        By fingerprint, then by recipient and channel.
    """
    rows = await tx.fetch(SQL["delivered"], *columns(alerts, "fingerprint occurrence"))
    found: dict[str, dict[tuple[str, str], Delivered]] = {}
    for row in rows:
        one = Delivered(row["repeats"], row["resolved"], row["last_sent_at"])
        found.setdefault(row["fingerprint"], {})[row["recipient"], row["channel"]] = one
    return found


async def queue(tx: Transaction, notifications: Sequence[Notification], now: datetime) -> None:
    """Queues notifications of locked alerts, in the pending message of their group if it still collects."""
    if not notifications:
        return
    flush_at = await _flush(tx, {one.target.group_key: one.target for one in notifications}, now)
    wanted = [
        (_message_id(one, flush_at[one.target.group_key]), flush_at[one.target.group_key], one)
        for one in notifications
    ]
    there = await _collect(tx, wanted)
    # A message that is being sent accepts no more alerts, so a late notification gets its own message.
    late = [
        (event_id("late", key, one.alert.fingerprint, one.alert.occurrence, one.what, one.number), now, one)
        for key, _, one in wanted
        if key not in there
    ]
    await _collect(tx, late)
    placed = [row for row in wanted if row[0] in there] + late
    await tx.execute(
        SQL["insert_notifications"],
        *columns(
            [one for *_, one in placed],
            "alert.fingerprint alert.occurrence target.recipient target.channel what number",
        ),
        [key for key, _, _ in placed],
        [_snapshot(one.alert) for _, _, one in placed],
    )


async def _flush(tx: Transaction, groups: Mapping[str, Target], now: datetime) -> dict[str, datetime]:
    rows = await tx.fetch(SQL["flush"], list(groups), *columns(groups.values(), "wait interval"), now)
    return {row["group_key"]: row["flush_at"] for row in rows}


async def _collect(tx: Transaction, rows: Sequence[tuple[UUID, datetime, Notification]]) -> set[UUID]:
    gravest: dict[UUID, tuple[int, datetime, Notification]] = {}
    for key, due_at, one in rows:
        rank = sending_rank(one.alert)
        if key not in gravest or rank < gravest[key][0]:
            gravest[key] = rank, due_at, one
    if not gravest:
        return set()
    found = await tx.fetch(
        SQL["collect"],
        list(gravest),
        *columns(
            [one for *_, one in gravest.values()], "target.recipient target.channel alert.severity.value"
        ),
        [rank for rank, _, _ in gravest.values()],
        [due_at for _, due_at, _ in gravest.values()],
    )
    return {row["message_id"] for row in found}


def _message_id(notification: Notification, flush_at: datetime) -> UUID:
    target = notification.target
    return event_id("message", target.group_key, flush_at, target.recipient, target.channel)


def _snapshot(alert: Alert) -> str:
    """Returns the alert as it is now, because it may change before the message is sent."""
    return orjson.dumps(
        {
            "name": alert.name,
            "service": alert.service,
            "severity": alert.severity.value,
            "summary": alert.summary,
            "labels": dict(alert.labels),
            "is_event": alert.is_event,
            "since": alert.first_at,
            "until": alert.resolved_at,
            "ended_by": alert.resolved_by,
        }
    ).decode()


async def claim(db: Querier, channel: str, now: datetime) -> Claimed | None:
    """Claims the most urgent due message of a channel; None if none is due."""
    row = await db.fetchrow(SQL["claim"], channel, now, LEASE)
    return Claimed(**{**row, "severity": Severity(row["severity"])}) if row else None


async def lines(db: Querier, message_id: UUID) -> list[Line]:
    """Returns the alerts of a message, and whether they have ended since."""
    return [_line(row) for row in await db.fetch(SQL["lines"], message_id)]


def _line(row: Row) -> Line:
    snapshot = orjson.loads(row["alert"])
    until, by = snapshot["until"], snapshot["ended_by"]
    ended_since = row["occurrence_now"] is not None and (
        row["occurrence_now"] > row["occurrence"] or row["status_now"] == "resolved"
    )
    since = datetime.fromisoformat(snapshot["since"])
    ended_at = datetime.fromisoformat(until) if until else None
    if ended_at is None and ended_since:
        same = row["occurrence_now"] == row["occurrence"]
        ended_at, by = (row["resolved_now"], row["resolved_by_now"]) if same else (since, None)
    snapshot |= {"since": since, "until": ended_at, "ended_by": by}
    return build(Line, row, **snapshot | {"severity": Severity(snapshot["severity"])})


async def sent(tx: Transaction, message_id: UUID, now: datetime) -> None:
    """Marks a message as sent."""
    await tx.execute(SQL["sent"], message_id, now)


async def failed(tx: Transaction, claimed: Claimed, next_try_at: datetime, error: str) -> None:
    """Schedules the next attempt; does nothing if another sender has claimed the message."""
    await tx.execute(SQL["failed"], claimed.message_id, claimed.attempts, next_try_at, error)


async def give_up(tx: Querier, claimed: Claimed, now: datetime, error: str) -> None:
    """Marks a message as given up, with the reason; does nothing if another sender has claimed it."""
    await tx.execute(SQL["give_up"], claimed.message_id, claimed.attempts, now, error)


async def make_due(tx: Transaction, channel: str, now: datetime) -> None:
    """Makes all waiting messages of a channel due now."""
    await tx.execute(SQL["make_due"], channel, now)


async def give_up_removed(db: Querier, channels: Sequence[str], now: datetime) -> None:
    """Gives up the waiting messages of channels other than these."""
    await db.execute(SQL["give_up_removed"], list(channels), now)


async def waiting(db: Querier) -> dict[str, tuple[int, datetime]]:
    """Returns by channel how many messages wait, and since when the oldest is due."""
    return {row["channel"]: (row["waiting"], row["oldest"]) for row in await db.fetch(SQL["waiting"])}


async def of_alert(db: Querier, fingerprint: str) -> list[Row]:
    """Returns the notifications of an alert without addresses, latest first, at most `NOTIFICATIONS_MAX` + 1."""
    return await db.fetch(SQL["of_alert"], fingerprint, NOTIFICATIONS_MAX + 1)
