"""The alerts that alerting raises itself: about compliance runs, its channels, and its own operation."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from alerting.domain.alert import Raised, one_line
from clawback_contracts.alert.v1 import Severity, fingerprint
from clawback_contracts.run.v1 import RunCompleted, RunFailed

SERVICE = "alerting"
COMPLIANCE = "compliance"
"""The service of these alerts. Compliance raises them too, and the same service gives them the same fingerprint."""
RUN_AGE_MAX = timedelta(hours=25)
"""A run per day, and one hour of tolerance."""
FAILURES_MAX = 3
"""Consecutive failures after which a channel is down."""
UNREADABLE_OVER = timedelta(hours=24)

BUDGET_SPENT = "NotificationBudgetSpent"

RUN_OVERDUE = fingerprint(COMPLIANCE, "ComplianceRunOverdue", {})
RUN_FAILED = fingerprint(COMPLIANCE, "ComplianceRunFailed", {})


def run_overdue(last_completed_at: datetime | None, watching_since: datetime, now: datetime) -> Raised | None:
    """Returns an alert if the last completed run is too old.

    If no run was ever reported, the age counts from the start of monitoring.
    """
    if now - (last_completed_at or watching_since) <= RUN_AGE_MAX:
        return None
    text = (
        f"The last compliance run completed at {last_completed_at:%Y-%m-%d %H:%M} UTC"
        if last_completed_at
        else f"No compliance run has completed since monitoring started at {watching_since:%Y-%m-%d %H:%M} UTC"
    )
    return Raised(
        "ComplianceRunOverdue",
        COMPLIANCE,
        Severity.CRITICAL,
        f"{text}. Check whether the scheduler starts `compliance run`, and why it fails.",
        now,
    )


def run_failed(run: RunFailed) -> Raised:
    """Returns the alert of a failed run: it is unknown whether articles were revoked since the previous run."""
    return Raised(
        "ComplianceRunFailed",
        COMPLIANCE,
        Severity.CRITICAL,
        f"The compliance run of {run.started_at:%Y-%m-%d %H:%M} UTC failed: {one_line(run.error, 250) or 'no reason'}; "
        f"revocations since the previous run are unknown. Fix the cause and run it again.{_mock(run.mock)}",
        run.ended_at,
    )


def revoked_found(run: RunCompleted) -> Raised | None:
    """Returns an alert if the run found revocation notices."""
    if not run.noticed:
        return None
    return Raised(
        "RevokedArticlesFound",
        COMPLIANCE,
        Severity.WARNING,
        f"The compliance run of {run.started_at:%Y-%m-%d %H:%M} UTC found {run.noticed} revocation notices: "
        f"{run.closed} removals are verified, {run.open} are open, {run.overdue} are overdue. Chase the open ones."
        f"{_mock(run.mock)}",
        run.ended_at,
        is_event=True,
    )


def daily_summary(run: RunCompleted) -> Raised:
    """Returns the summary of a completed run; it is sent even if the run found nothing."""
    found = f"{run.noticed} revocation notices" if run.noticed else "nothing revoked"
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
    """Returns the alert of a notification channel that fails repeatedly."""
    return Raised(
        "ChannelDown",
        SERVICE,
        Severity.CRITICAL,
        f"The channel {channel} has failed {failures} times in a row since {since:%Y-%m-%d %H:%M} UTC; its messages "
        "are delayed. Check its server and its address.",
        now,
        {"channel": channel},
    )


def channel_fingerprint(channel: str) -> str:
    """Returns the fingerprint of `channel_down`."""
    return fingerprint(SERVICE, "ChannelDown", {"channel": channel})


def unreadable(source: str, now: datetime) -> Raised:
    """Returns the alert of a record or request that cannot be decoded and may contain an alert."""
    return Raised(
        "UnreadableAlertRecord",
        SERVICE,
        Severity.WARNING,
        f"A record from {source} cannot be decoded and may be an alert that nobody was notified of. "
        "Check the dead letters.",
        now,
        {"source": source},
    )


def unsendable(lane: str, now: datetime) -> Raised:
    """Returns the alert of an outbox row that Kafka does not accept."""
    return Raised(
        "OutboxRowSetAside",
        SERVICE,
        Severity.CRITICAL,
        f"A row of the outbox lane {lane} of alerting cannot be sent and is marked as failed. Check the incident.",
        now,
        {"lane": lane},
    )


def budget_spent(source: str, per_hour: int, suppressed: int, now: datetime) -> Raised:
    """Returns the alert of a source that has used its notifications of this hour."""
    return Raised(
        BUDGET_SPENT,
        SERVICE,
        Severity.WARNING,
        f"{source} has used its {per_hour} notifications of this hour: nobody was notified of {suppressed} of its "
        "alerts. Check GET /api/v1/alerts and the cause of these alerts.",
        now,
        {"source": one_line(source, 100)},
        is_event=True,
    )


def silence_created(by: str, matchers: Sequence[str], until: datetime, now: datetime) -> Raised:
    """Returns the announcement of a silence that may mute critical alerts."""
    return Raised(
        "SilenceCreated",
        SERVICE,
        Severity.WARNING,
        f"{one_line(by, 100)} has muted alerts, critical ones included, until {until:%Y-%m-%d %H:%M} UTC:"
        f" {one_line(', '.join(matchers), 250)}. Check GET /api/v1/silences.",
        now,
        {"created_by": one_line(by, 100)},
        is_event=True,
    )


def test_alert(by: str, now: datetime) -> Raised:
    """Returns a test alert, which checks that every channel reaches every recipient."""
    labels: Mapping[str, str] = {"requested_by": one_line(by, 100)}
    text = "This is a test of the notification channels. No action is needed."
    return Raised("TestAlert", SERVICE, Severity.INFO, text, now, labels, is_event=True)


def _mock(mock: bool) -> str:  # noqa: FBT001 - the flag of the run
    return " Made under COMPLIANCE=mock: this is not evidence." if mock else ""
