"""Conditions that depend on time, and the compliance status."""

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


def test_without_any_run_the_state_is_unknown_and_alerted_25_hours_after_the_first_start() -> None:
    assert condition.run_state(None, NOW) == "unknown"
    assert condition.run_condition(None, NOW - 25 * HOUR, NOW) is None
    assert condition.run_condition(None, NOW - 26 * HOUR, NOW) is not None


def _status(
    last: datetime | None, failed: int = 0, overdue: int = 0, incidents: int = 0
) -> tuple[str, list[str]]:
    found = condition.reasons(condition.ComplianceState(last, failed, overdue, incidents), NOW)
    return condition.overall(found), [one.code for one in found]


def test_the_status_is_compliant_only_after_a_recent_run() -> None:
    assert _status(None) == ("unknown", ["never_run"])
    assert _status(NOW - 26 * HOUR) == ("unknown", ["run_overdue"])
    assert _status(NOW) == ("compliant", [])


def test_an_open_incident_makes_the_status_unknown_and_an_overdue_obligation_non_compliant() -> None:
    assert _status(NOW, incidents=1) == ("unknown", ["incidents_open"])
    assert _status(NOW, overdue=1, incidents=1) == (
        "non_compliant",
        ["obligations_overdue", "incidents_open"],
    )


def test_while_runs_fail_the_status_is_failing_with_their_number_and_what_to_do() -> None:
    assert _status(NOW, failed=1) == ("failing", ["runs_failing"])
    assert _status(None, failed=2) == ("failing", ["runs_failing", "never_run"])
    assert _status(NOW, failed=1, overdue=1)[0] == "non_compliant"
    (reason,) = condition.reasons(condition.ComplianceState(NOW, 5, 0, 0), NOW)
    assert reason.figure == 5
    assert "run again" in reason.to_do


def test_lateness_is_reported_per_holder() -> None:
    late = list(condition.lateness_conditions(Lateness("search", 600, 3, NOW)))
    assert [one.name for one in late] == ["TakedownOverdue", "TakedownAtRisk"]
    assert {one.labels["holder"] for one in late} == {"search"}
    assert not list(condition.lateness_conditions(Lateness("search", 0, 0, None)))
