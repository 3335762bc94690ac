"""The words of a notification: what, since when, how severe, which thing, what to do next. No content."""

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
    """One alert in a notification, as it was when it was queued, and whether it has ended since."""

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
        """Whether it no longer holds."""
        return self.until is not None and not self.is_event

    @property
    def state(self) -> str:
        """In a word."""
        if self.over:
            return "resolved"
        return f"reminder {self.number}" if self.what == "repeat" else "new"


@dataclass(frozen=True, slots=True)
class Words:
    """A notification, ready for a channel."""

    subject: str
    body: str
    short: str


def compose(lines: Sequence[Line], reference: str, runbooks: str) -> Words:
    """One notification of one or more alerts; of an alert that began and ended within it, its end is told.

    Args:
        lines: at least one.
        reference: of this notification; a repeat of the same notification has the same one.
        runbooks: where they are, a folder or an address.
    """
    latest = {(line.fingerprint, line.occurrence): line for line in sorted(lines, key=_later)}
    shown = sorted(latest.values(), key=lambda line: (line.over, _rank(line.severity), line.name, line.since))
    first = shown[0]
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    subject = one_line(f"[{_tag(first)}] {first.name} ({first.service}){more}", 200)
    parts = [_paragraph(line, runbooks) for line in shown[:LISTED_MAX]]
    if len(shown) > LISTED_MAX:
        parts.append(f"{len(shown) - LISTED_MAX} more are listed by GET /api/v1/alerts.")
    parts.append(f"Reference: {reference}")
    short = one_line(f"[{_tag(first)}] {first.name}{more}: {first.summary}", SMS_MAX)
    return Words(subject, "\n\n".join(parts) + "\n", short)


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
        rows.append("Thing:   " + one_line(", ".join(f"{k}={v}" for k, v in sorted(line.labels.items()))))
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
