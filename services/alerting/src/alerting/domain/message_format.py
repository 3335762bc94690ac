"""The text of a notification: what happened, since when, how severe, its labels, what to do. It has no content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.domain.alert import one_line
from alerting.domain.notification_policy import What
from clawback_contracts.alert.v1 import Severity

SMS_MAX = 320
"""Two parts of a long text message."""
LISTED_MAX = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One alert in a notification: its state when it was queued, and whether it has ended since."""

    fingerprint: str
    occurrence: int
    what: What
    number: int
    name: str
    service: str
    severity: Severity
    summary: str
    labels: Mapping[str, str]
    is_event: bool
    since: datetime
    until: datetime | None
    ended_by: str | None = None

    @property
    def over(self) -> bool:
        """Whether the alert has ended."""
        return self.until is not None and not self.is_event

    @property
    def state(self) -> str:
        """The state in one word."""
        if self.over:
            return "resolved"
        return f"reminder {self.number}" if self.what == "repeat" else "new"


@dataclass(frozen=True, slots=True)
class MessageText:
    """The text of a notification, ready for a channel."""

    subject: str
    body: str
    short: str


def compose(lines: Sequence[Line], reference: str, runbooks: str) -> MessageText:
    """Builds the text of one notification of one or more alerts.

    An alert that began and ended within the notification is reported as ended.

    Args:
        lines: at least one.
        reference: identifies this notification; a retry has the same one.
        runbooks: the folder or address of the runbooks.
    """
    latest = {(line.fingerprint, line.occurrence): line for line in sorted(lines, key=_later)}
    shown = sorted(latest.values(), key=lambda line: (line.over, _rank(line.severity), line.name, line.since))
    first = shown[0]
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    subject = one_line(f"[{_tag(first)}] {first.name} ({first.service}){more}", 200)
    parts = [_paragraph(line, runbooks) for line in shown[:LISTED_MAX]]
    if len(shown) > LISTED_MAX:
        parts.append(f"GET /api/v1/alerts lists {len(shown) - LISTED_MAX} more.")
    parts.append(f"Reference: {reference}")
    short = one_line(f"[{_tag(first)}] {first.name}{more}: {first.summary}", SMS_MAX)
    return MessageText(subject, "\n\n".join(parts) + "\n", short)


def _later(line: Line) -> tuple[bool, bool, int]:
    return line.over, line.what == "repeat", line.number


def _rank(severity: Severity) -> int:
    return list(Severity).index(severity)


def _tag(line: Line) -> str:
    return "RESOLVED" if line.over else line.severity.value.upper()


def _paragraph(line: Line, runbooks: str) -> str:
    rows = [
        f"{one_line(line.name)}: {line.severity.value}, {line.state}",
        f"What:    {one_line(line.summary)}",
        f"Service: {one_line(line.service)}",
    ]
    if line.labels:
        rows.append("Labels:  " + one_line(", ".join(f"{k}={v}" for k, v in sorted(line.labels.items()))))
    rows.append(f"{'At:     ' if line.is_event else 'Since:  '} {_instant(line.since)}")
    if line.over and line.until is not None:
        by = f", by {one_line(line.ended_by)}" if line.ended_by else ""
        rows.append(f"Until:   {_instant(line.until)}{by}")
    elif not line.is_event:
        rows.append(
            f"To do:   follow the runbook; POST /api/v1/alerts/{line.fingerprint}/ack stops reminders"
        )
    rows.append(f"Runbook: {runbooks.rstrip('/')}/{one_line(line.name)}.md")
    return "\n".join(rows)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
