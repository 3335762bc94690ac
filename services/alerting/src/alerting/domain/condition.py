"""What alerting itself finds worth an alert: the compliance runs that it hears of, and its own channels."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerting.domain.alert import Raised, one_line
from clawback_contracts.alert.v1 import Severity, fingerprint
from clawback_contracts.run.v1 import RunCompleted, RunFailed

SERVICE = "alerting"
COMPLIANCE = "compliance"
"""Whose alerts these are, whoever notices: its own watcher and ours then speak of one alert, not of two."""
RUN_AGE_MAX = timedelta(hours=25)
"""A daily run, and an hour for it to be late."""
FAILURES_MAX = 3
"""So many in a row, and a channel is down."""
UNREADABLE_OVER = timedelta(hours=24)

BUDGET_SPENT = "NotificationBudgetSpent"

RUN_OVERDUE = fingerprint(COMPLIANCE, "ComplianceRunOverdue", {})
RUN_FAILED = fingerprint(COMPLIANCE, "ComplianceRunFailed", {})


def run_overdue(last_completed_at: datetime | None, watching_since: datetime, now: datetime) -> Raised | None:
    """Raised when the last completed run that we heard of is too old; never having heard of one is unknown."""
    if now - (last_completed_at or watching_since) <= RUN_AGE_MAX:
        return None
    said = (
        f"The last compliance run completed at {last_completed_at:%Y-%m-%d %H:%M} UTC"
        if last_completed_at
        else f"No compliance run completed since {watching_since:%Y-%m-%d %H:%M} UTC, when watching began"
    )
    return Raised(
        "ComplianceRunOverdue",
        COMPLIANCE,
        Severity.CRITICAL,
        f"{said}: see whether the scheduler starts `compliance run`, and why it fails.",
        now,
    )


def run_failed(run: RunFailed) -> Raised:
    """The check did not run to its end: whether something was revoked is unknown."""
    return Raised(
        "ComplianceRunFailed",
        COMPLIANCE,
        Severity.CRITICAL,
        f"The compliance run of {run.started_at:%Y-%m-%d %H:%M} UTC failed: {one_line(run.error, 250) or 'no reason'}; "
        f"nobody knows what was revoked since: mend the cause and run it again.{_mock(run.mock)}",
        run.ended_at,
    )


def revoked_found(run: RunCompleted) -> Raised | None:
    """The check found notices of revocation."""
    if not run.noticed:
        return None
    return Raised(
        "RevokedArticlesFound",
        COMPLIANCE,
        Severity.WARNING,
        f"The compliance run of {run.started_at:%Y-%m-%d %H:%M} UTC found {run.noticed} notices of revocation: "
        f"{run.closed} removals are verified, {run.open} are open, {run.overdue} are overdue; press what is open."
        f"{_mock(run.mock)}",
        run.ended_at,
        is_event=True,
    )


def daily_summary(run: RunCompleted) -> Raised:
    """What a completed check says, also on a quiet day."""
    found = f"{run.noticed} notices of revocation" if run.noticed else "nothing revoked"
    return Raised(
        "ComplianceDailySummary",
        COMPLIANCE,
        Severity.INFO,
        f"The compliance run of {run.started_at:%Y-%m-%d %H:%M} UTC completed: {found}, {run.closed} removals "
        f"verified, {run.open} open, {run.overdue} overdue.{_mock(run.mock)}",
        run.ended_at,
        is_event=True,
    )


def channel_down(channel: str, failures: int, since: datetime, now: datetime) -> Raised:
    """A channel by which people are told takes nothing any more."""
    return Raised(
        "ChannelDown",
        SERVICE,
        Severity.CRITICAL,
        f"The channel {channel} has failed {failures} times in a row since {since:%Y-%m-%d %H:%M} UTC: what is sent by "
        "it waits; see its server and its address.",
        now,
        {"channel": channel},
    )


def channel_fingerprint(channel: str) -> str:
    """The identity of that alert."""
    return fingerprint(SERVICE, "ChannelDown", {"channel": channel})


def unreadable(door: str, now: datetime) -> Raised:
    """Something arrived that nobody could read: it may have been an alert."""
    return Raised(
        "UnreadableAlertRecord",
        SERVICE,
        Severity.WARNING,
        f"A record that came by {door} cannot be read and may be an alert that nobody was told: see the dead letters.",
        now,
        {"door": door},
    )


def unsendable(lane: str, now: datetime) -> Raised:
    """A message of ours that cannot be sent to the topics."""
    return Raised(
        "OutboxRowSetAside",
        SERVICE,
        Severity.CRITICAL,
        f"A row of the outbox lane {lane} of alerting cannot be sent and is set aside: see the incident.",
        now,
        {"lane": lane},
    )


def budget_spent(source: str, per_hour: int, untold: int, now: datetime) -> Raised:
    """A source has caused all the notifications that it may cause in an hour."""
    return Raised(
        BUDGET_SPENT,
        SERVICE,
        Severity.WARNING,
        f"{source} has used its {per_hour} notifications of this hour: of {untold} of its alerts nobody was notified;"
        " see GET /api/v1/alerts, and what raises them.",
        now,
        {"source": one_line(source, 100)},
        is_event=True,
    )


def silence_created(by: str, matchers: Sequence[str], until: datetime, now: datetime) -> Raised:
    """Somebody mutes alerts among which may be critical ones."""
    return Raised(
        "SilenceCreated",
        SERVICE,
        Severity.WARNING,
        f"{one_line(by, 100)} has muted alerts, critical ones included, until {until:%Y-%m-%d %H:%M} UTC:"
        f" {one_line(', '.join(matchers), 250)}. See GET /api/v1/silences.",
        now,
        {"created_by": one_line(by, 100)},
        is_event=True,
    )


def test_alert(by: str, now: datetime) -> Raised:
    """To see that every channel reaches everyone."""
    labels: Mapping[str, str] = {"asked_by": one_line(by, 100)}
    words = "This is a test: somebody asked whether you can be reached. There is nothing to do."
    return Raised("TestAlert", SERVICE, Severity.INFO, words, now, labels, is_event=True)


def _mock(mock: bool) -> str:  # noqa: FBT001 - the field as it is
    return " Made under COMPLIANCE=mock: no evidence." if mock else ""
