"""Which conditions time makes, and what is known."""

from datetime import UTC, datetime, timedelta

from clawback_contracts.alert.v1 import Severity
from compliance.domain import condition
from compliance.domain.condition import Lateness

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_run_is_overdue_after_25_hours() -> None:
    since = NOW - 100 * HOUR
    assert condition.run_condition(NOW - 25 * HOUR, since, NOW) is None
    late = condition.run_condition(NOW - 25 * HOUR - timedelta(seconds=1), since, NOW)
    assert late is not None
    assert (late.name, late.severity) == ("ComplianceRunOverdue", Severity.CRITICAL)


def test_a_run_that_never_was_is_unknown_at_once_and_raised_25_hours_after_the_first_start() -> None:
    assert condition.run_state(None, NOW) == "unknown"
    assert condition.run_condition(None, NOW - 25 * HOUR, NOW) is None
    assert condition.run_condition(None, NOW - 26 * HOUR, NOW) is not None


def test_never_having_checked_is_not_compliant() -> None:
    assert condition.overall("unknown", 0, 0) == "unknown"
    assert condition.overall("overdue", 0, 0) == "unknown"
    assert condition.overall("ok", 0, 0) == "compliant"


def test_a_record_that_nobody_could_read_makes_it_unknown_and_a_late_one_non_compliant() -> None:
    assert condition.overall("ok", 0, 1) == "unknown"
    assert condition.overall("ok", 1, 1) == "non_compliant"


def test_lateness_is_one_condition_a_holder() -> None:
    late = condition.lateness_conditions(Lateness("search", 600, 3, NOW))
    assert [one.name for one in late] == ["TakedownOverdue", "TakedownAtRisk"]
    assert {one.labels["holder"] for one in late} == {"search"}
    assert condition.lateness_conditions(Lateness("search", 0, 0, None)) == []
