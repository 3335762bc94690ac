"""Known mistakes about what officers find out."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
TESTS = "services/compliance/tests/integration"
ALERTING = "services/alerting/src/alerting"

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
        "officers: a hold on unknown articles warns of nothing",
        (
            Change(
                "services/retention/src/retention/gateways/ingester.py",
                "    return [one for one in article_ids if one not in held]\n",
                "    return []\n",
            ),
        ),
        at(
            "tests/pairs/test_holds.py",
            "test_a_hold_reports_unknown_and_revoked_ids_and_is_in_force",
        ),
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
            "test_the_alerts_of_the_status_are_cut_at_their_maximum_and_not_before",
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
            "test_the_changes_of_a_holder_are_cut_at_their_maximum_and_the_last_ones_stay",
        ),
    ),
    Mutant(
        "officers: notifications are cut in silence",
        (
            Change(
                f"{ALERTING}/storage/messages.py",
                "fingerprint, NOTIFICATIONS_MAX + 1)",
                "fingerprint, NOTIFICATIONS_MAX)",
            ),
        ),
        at(
            "services/alerting/tests/integration/test_api.py",
            "test_the_notifications_of_an_alert_are_truncated_at_their_maximum",
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
            "test_still_held_ends_when_the_holder_is_verified_and_not_before",
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
    Mutant(
        "officers: the note of an acknowledgement is dropped",
        (
            Change(
                f"{ALERTING}/use_cases/operators.py",
                "acknowledged_note=note",
                "acknowledged_note=None",
            ),
        ),
        at(
            "services/alerting/tests/integration/test_api.py",
            "test_the_note_of_an_acknowledgement_is_kept_with_who_and_when",
        ),
    ),
)
