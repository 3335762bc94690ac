"""Which notifications of an alert are due to which recipients; evaluated after an event and periodically."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from alerting.domain.alert import Alert
from alerting.domain.routing import Target
from clawback_contracts.alert.v1 import Severity
from clawback_contracts.resending import HOURLY

What = Literal["raised", "repeat", "resolved"]
NEWS_FOR = timedelta(hours=25)
"""On the first start of monitoring, older alerts are not notified."""

GIVEN_UP_AFTER = {
    Severity.INFO: timedelta(days=1),
    Severity.WARNING: timedelta(days=3),
    Severity.CRITICAL: timedelta(days=7),
}
"""How long a message is retried. A critical one is retried until its alerts have ended, even after this time."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one recipient was sent, or has queued, of one occurrence through one channel."""

    repeats: int
    resolved: bool
    last_sent_at: datetime | None
    """None: the latest notification is queued and not sent yet."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification that is due."""

    alert: Alert
    target: Target
    what: What
    number: int = 0
    """The number of the reminder: 1, 2, …"""


def due_notifications(
    alert: Alert,
    targets: Sequence[Target],
    delivered: Mapping[tuple[str, str], Delivered],
    now: datetime,
    *,
    silenced: bool,
    news_from: datetime,
) -> list[Notification]:
    """Returns the notifications that are due now.

    A resolution goes to the recipients that were notified of the alert, even during a silence. If the alert ended
    before anybody was notified, one notification reports that it was raised and has ended. An acknowledged alert has
    no reminders.
    """
    if not alert.occurrence:
        return []
    found: list[Notification] = []
    for target in targets:
        known = delivered.get((target.recipient, target.channel))
        if known is None:
            if not silenced and alert.last_at >= news_from and alert.resolved_by is None:
                found.append(Notification(alert, target, "raised"))
        elif alert.firing:
            if not silenced and _reminder_due(alert, target, known, now):
                found.append(Notification(alert, target, "repeat", known.repeats + 1))
        elif not alert.is_event and target.send_resolved and not known.resolved:
            found.append(Notification(alert, target, "resolved"))
    return found


def _reminder_due(alert: Alert, target: Target, delivered: Delivered, now: datetime) -> bool:
    return (
        target.repeat is not None
        and alert.acknowledged_at is None
        and delivered.last_sent_at is not None
        and now - delivered.last_sent_at >= target.repeat
    )


def next_try(
    severity: Severity, attempts: int, due_at: datetime, now: datetime, *, firing: bool
) -> datetime | None:
    """Returns when to try again after this many failures; None: the message is given up, which stays recorded."""
    if now - due_at >= GIVEN_UP_AFTER[severity] and not (firing and severity is Severity.CRITICAL):
        return None
    return now + HOURLY.delays[min(attempts, len(HOURLY.delays)) - 1]
