"""What of an alert is still to be told to whom: the same question after an event and when time has passed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerting.domain.alert import Alert
from alerting.domain.routing import Target
from clawback_contracts.alert.v1 import Severity

What = Literal["raised", "repeat", "resolved"]
NEWS_FOR = timedelta(hours=25)
"""What is older than that when watching begins for the first time is history, not news."""

RETRIES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
RETRY_THEN = timedelta(hours=1)
GIVEN_UP_AFTER = {
    Severity.INFO: timedelta(days=1),
    Severity.WARNING: timedelta(days=3),
    Severity.CRITICAL: timedelta(days=7),
}
"""A critical one only when it has ended."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one recipient was told of one occurrence by one channel, or will be: it is queued."""

    repeats: int
    resolved: bool
    last_sent_at: datetime | None
    """None: the latest of it has not gone out yet."""


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to be told."""

    alert: Alert
    target: Target
    what: What
    number: int = 0
    """Of a repeat: 1, 2, …"""


def tellings(
    alert: Alert,
    targets: Sequence[Target],
    told: Mapping[tuple[str, str], Delivered],
    now: datetime,
    *,
    silenced: bool,
    news_from: datetime,
) -> list[Notification]:
    """What is to be told now.

    An end is told to those who were told the beginning, also through a silence; one that came before anybody was
    told is told as a beginning that is over. Who acknowledges it is not reminded.
    """
    if not alert.occurrence:
        return []
    found: list[Notification] = []
    for target in targets:
        known = told.get((target.recipient, target.channel))
        if known is None:
            if not silenced and alert.last_at >= news_from and alert.resolved_by is None:
                found.append(Notification(alert, target, "raised"))
        elif alert.firing:
            if not silenced and _reminder_due(alert, target, known, now):
                found.append(Notification(alert, target, "repeat", known.repeats + 1))
        elif not alert.is_event and target.send_resolved and not known.resolved:
            found.append(Notification(alert, target, "resolved"))
    return found


def _reminder_due(alert: Alert, target: Target, told: Delivered, now: datetime) -> bool:
    return (
        target.repeat is not None
        and alert.acknowledged_at is None
        and told.last_sent_at is not None
        and now - told.last_sent_at >= target.repeat
    )


def next_try(
    severity: Severity, attempts: int, due_at: datetime, now: datetime, *, firing: bool
) -> datetime | None:
    """When to try again after so many failures; None: it is given up, which is seen."""
    if now - due_at >= GIVEN_UP_AFTER[severity] and not (firing and severity is Severity.CRITICAL):
        return None
    return now + (RETRIES[attempts - 1] if attempts <= len(RETRIES) else RETRY_THEN)
