"""Known mistakes about what officers find out."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
TESTS = "services/compliance/tests/integration"

MUTANTS = (
    Mutant(
        "officers: a feed that revokes much raises no alert",
        (
            Change(
                f"{COMPLIANCE}/use_cases/mass_revocations.py",
                "    await service.alert_publisher.on_conditions(MASS, found)\n    return found\n",
                "    await service.alert_publisher.on_conditions(MASS, [])\n    return []\n",
            ),
        ),
        at(f"{TESTS}/test_requests.py", "test_an_unusual_share_revoked_by_one_feed_is_alerted"),
    ),
    Mutant(
        "officers: alerts are cut in silence",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/status_schemas.py",
                "alerts_truncated=len(raised) > alert_state.RAISED_MAX",
                "alerts_truncated=False",
            ),
        ),
        at(
            f"{TESTS}/test_truncation.py",
            "test_the_alerts_of_the_status_are_truncated_only_above_their_maximum",
        ),
    ),
    Mutant(
        "officers: changes that fit are reported as cut",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/holder_schemas.py",
                "len(changed) > holders.CHANGES_MAX",
                "len(changed) >= holders.CHANGES_MAX",
            ),
        ),
        at(
            f"{TESTS}/test_truncation.py",
            "test_the_changes_of_a_holder_are_truncated_at_their_maximum_keeping_the_latest",
        ),
    ),
    Mutant(
        "officers: compliant while runs fail",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/status_schemas.py",
                "condition.ComplianceState(run.last_completed_at, run.failed_in_a_row, overdue, waiting)",
                "condition.ComplianceState(run.last_completed_at, 0, overdue, waiting)",
            ),
        ),
        at(f"{TESTS}/test_api.py", "test_status_is_failing_while_runs_fail_and_compliant_when_one_completes"),
    ),
    Mutant(
        "officers: still held until a day has passed",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "await service.alert_publisher.begin(\n            tx, condition.STILL_HELD, ",
                "await service.alert_publisher.begin(\n            tx, 'events', ",
            ),
        ),
        at(
            f"{TESTS}/test_watchers.py",
            "test_the_still_held_alert_is_resolved_only_when_the_removal_is_verified",
        ),
    ),
    Mutant(
        "officers: receipts are cut in silence",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/takedown_pages.py",
                "RECEIPTS.page(rows, limit, ",
                "RECEIPTS.page(rows[:limit], limit, ",
            ),
        ),
        at(
            f"{TESTS}/test_open_obligations.py",
            "test_a_takedown_with_more_receipts_than_a_page_has_a_cursor_for_the_rest",
        ),
    ),
)
