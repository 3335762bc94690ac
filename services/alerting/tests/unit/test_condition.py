"""The alerts that alerting raises itself."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from alerting.domain import condition
from clawback_contracts.alert.v1 import Severity, fingerprint
from clawback_contracts.run.v1 import RunCompleted, RunFailed

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
H25 = timedelta(hours=25)


def completed(noticed: int = 0, *, mock: bool = False) -> RunCompleted:
    return RunCompleted(
        run_id=UUID(int=1),
        started_at=NOW,
        ended_at=NOW,
        noticed=noticed,
        closed=2,
        open=1,
        overdue=0,
        mock=mock,
    )


def test_a_run_is_overdue_after_hour_25_and_not_before() -> None:
    assert condition.run_overdue(NOW, NOW - H25, NOW + H25) is None
    late = condition.run_overdue(NOW, NOW - H25, NOW + H25 + timedelta(seconds=1))
    assert late is not None
    assert late.severity is Severity.CRITICAL


def test_without_any_run_the_age_counts_from_the_first_start() -> None:
    assert condition.run_overdue(None, NOW, NOW + H25) is None
    late = condition.run_overdue(None, NOW, NOW + timedelta(hours=26))
    assert late is not None
    assert "since monitoring started at 2026-03-01 12:00 UTC" in late.summary


def test_an_overdue_run_has_the_fingerprint_of_the_same_alert_of_compliance() -> None:
    late = condition.run_overdue(None, NOW, NOW + timedelta(hours=26))
    assert late is not None
    assert late.fingerprint == condition.RUN_OVERDUE == fingerprint("compliance", "ComplianceRunOverdue", {})


def test_a_run_without_findings_has_a_summary_and_no_alert() -> None:
    assert condition.revoked_found(completed()) is None
    assert "nothing revoked" in condition.daily_summary(completed()).summary


def test_each_run_with_findings_has_an_alert() -> None:
    found = condition.revoked_found(completed(3))
    assert found is not None
    assert found.is_event
    assert "found 3 revocation notices: 2 removals are verified, 1 are open" in found.summary


def test_alerts_of_mock_runs_are_labelled() -> None:
    assert "not evidence" in condition.daily_summary(completed(mock=True)).summary
    assert "not evidence" not in condition.daily_summary(completed()).summary


def test_the_reason_of_a_failed_run_is_truncated() -> None:
    run = RunFailed(run_id=UUID(int=1), started_at=NOW, ended_at=NOW, error="x\n" * 240, mock=True)
    failed = condition.run_failed(run)
    assert (failed.severity, failed.fingerprint) == (Severity.CRITICAL, condition.RUN_FAILED)
    assert len(failed.summary) <= 500
    assert failed.summary.endswith("this is not evidence.")
    empty = RunFailed(run_id=UUID(int=1), started_at=NOW, ended_at=NOW, error="")
    assert "no reason" in condition.run_failed(empty).summary
