"""Conditions that are derived from time."""

from datetime import UTC, datetime, timedelta

from retention.domain import condition

BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
CLASSES = ("articles", "alerts")


def test_a_class_that_was_never_swept_is_overdue_8_days_after_the_first_start() -> None:
    assert condition.overdue(CLASSES, {}, BEGUN, BEGUN + timedelta(days=8)) == []
    (found,) = condition.overdue(CLASSES, {}, BEGUN, BEGUN + timedelta(days=8, seconds=1))
    assert "articles, alerts" in found.summary


def test_one_overdue_class_is_enough() -> None:
    now = BEGUN + timedelta(days=20)
    last = {"articles": now - timedelta(days=7), "alerts": now - timedelta(days=9)}
    (found,) = condition.overdue(CLASSES, last, BEGUN, now)
    assert "sweep of alerts has completed" in found.summary
    assert found.fingerprint("retention") == condition.overdue(CLASSES, {}, BEGUN, now)[0].fingerprint(
        "retention"
    )


def test_a_failure_is_reported_by_class_owner_and_action() -> None:
    found = condition.failed("articles", "analytics", "delete")
    assert dict(found.labels) == {"data_class": "articles", "owner": "analytics", "action": "delete"}
    other = condition.failed("articles", "ingester", "delete")
    assert found.fingerprint("retention") != other.fingerprint("retention")
