"""Which notifications are due, and when they are repeated or retried."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerting.domain.alert import Alert
from alerting.domain.notification_policy import Delivered, due_notifications, next_try
from alerting.domain.routing import Target
from clawback_contracts.alert.v1 import Severity

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = Target("ann", "mail", "g", repeat=HOUR, send_resolved=True)
FIRING = Alert(
    "f" * 16,
    "Some",
    "s",
    Severity.CRITICAL,
    "",
    {},
    is_event=False,
    status="firing",
    occurrence=1,
    count=1,
    first_at=NOW,
    last_at=NOW,
)
RESOLVED = replace(FIRING, status="resolved", resolved_at=NOW)


def due(
    alert: Alert, delivered: Delivered | None = None, *, at: datetime = NOW, silenced: bool = False
) -> list[tuple[str, int]]:
    known = {("ann", "mail"): delivered} if delivered else {}
    return [
        (one.what, one.number)
        for one in due_notifications(alert, [ANN], known, at, silenced=silenced, news_from=NOW - HOUR)
    ]


def test_a_firing_alert_is_notified_once() -> None:
    assert due(FIRING) == [("raised", 0)]
    assert due(FIRING, Delivered(0, resolved=False, last_sent_at=NOW)) == []


def test_a_firing_alert_is_repeated_after_the_interval_since_it_was_sent() -> None:
    delivered = Delivered(2, resolved=False, last_sent_at=NOW)
    assert due(FIRING, delivered, at=NOW + HOUR - timedelta(seconds=1)) == []
    assert due(FIRING, delivered, at=NOW + HOUR) == [("repeat", 3)]


def test_an_unsent_notification_is_not_repeated() -> None:
    assert due(FIRING, Delivered(0, resolved=False, last_sent_at=None), at=NOW + 5 * HOUR) == []


def test_an_acknowledged_alert_is_not_repeated() -> None:
    acknowledged = replace(FIRING, acknowledged_at=NOW)
    assert due(acknowledged, Delivered(0, resolved=False, last_sent_at=NOW), at=NOW + 5 * HOUR) == []


def test_a_resolution_is_sent_once_to_the_notified_recipients() -> None:
    assert due(RESOLVED, Delivered(0, resolved=False, last_sent_at=None)) == [("resolved", 0)]
    assert due(RESOLVED, Delivered(0, resolved=True, last_sent_at=NOW)) == []


def test_an_alert_that_ended_before_anybody_was_notified_is_notified() -> None:
    assert due(RESOLVED) == [("raised", 0)]


def test_an_alert_resolved_by_hand_before_anybody_was_notified_is_not_notified() -> None:
    assert due(replace(RESOLVED, resolved_by="ann")) == []


def test_a_silence_mutes_new_alerts_and_reminders_but_no_resolution() -> None:
    delivered = Delivered(0, resolved=False, last_sent_at=NOW)
    assert due(FIRING, silenced=True) == []
    assert due(FIRING, delivered, at=NOW + HOUR, silenced=True) == []
    assert due(RESOLVED, delivered, silenced=True) == [("resolved", 0)]


def test_alerts_before_the_first_start_are_not_notified() -> None:
    assert due(replace(FIRING, last_at=NOW - 2 * HOUR)) == []


def test_a_single_event_has_no_resolution_and_no_reminder() -> None:
    event = replace(RESOLVED, is_event=True)
    assert due(event) == [("raised", 0)]
    assert due(event, Delivered(0, resolved=False, last_sent_at=NOW), at=NOW + 5 * HOUR) == []


def test_an_alert_with_only_a_resolution_is_not_notified() -> None:
    assert due(replace(RESOLVED, occurrence=0)) == []


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (400, 60)])
def test_retries_have_increasing_delays(attempts: int, minutes: int) -> None:
    again = next_try(Severity.CRITICAL, attempts, NOW, NOW, firing=True)
    assert again == NOW + timedelta(minutes=minutes)


def test_a_critical_message_is_not_given_up_while_its_alert_fires() -> None:
    later = NOW + timedelta(days=30)
    assert next_try(Severity.CRITICAL, 99, NOW, later, firing=True) is not None
    assert next_try(Severity.CRITICAL, 99, NOW, later, firing=False) is None
    assert next_try(Severity.WARNING, 99, NOW, NOW + timedelta(days=3), firing=True) is None
    assert next_try(Severity.INFO, 9, NOW, NOW + timedelta(hours=23), firing=False) is not None
