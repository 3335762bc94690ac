"""Known mistakes of alerting."""

from tests.mutants.mutant import Change, Mutant, at

ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests/integration"
ALERTING_FOLDER = "services/alerting/tests"

MUTANTS = (
    Mutant(
        "an alert that its service has forgotten never ends",
        (
            Change(
                f"{ALERTING}/use_cases/folding.py",
                "                await fold_events(tx, await _not_listed(tx, listing, now), service, now)\n",
                "                pass\n",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_notifications.py", "test_an_alert_that_is_no_longer_listed_is_resolved"),
    ),
    Mutant(
        "an alert that nobody lists is ended by a list",
        (
            Change(
                f"{ALERTING}/storage/alerts.sql",
                "WHERE status = 'firing' AND listed AND service = $1",
                "WHERE status = 'firing' AND service = $1",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_notifications.py", "test_an_alert_that_is_no_longer_listed_is_resolved"),
    ),
    Mutant(
        "a sender of a message that frees another's claim",
        (
            Change(
                "services/alerting/src/alerting/storage/messages.sql",
                "leased_until = NULL, error = $4\nWHERE message_id = $1 AND attempts = $2 AND sent_at IS NULL\n\n"
                "-- name: give_up",
                "leased_until = NULL, error = $4\nWHERE message_id = $1 AND $2::int > 0 AND sent_at IS NULL\n\n"
                "-- name: give_up",
            ),
        ),
        at(
            "services/alerting/tests/integration/test_notifications.py",
            "test_a_suspended_sender_cannot_release_the_claim_of_another",
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
    Mutant(
        "regular expression that backtracks",
        (
            Change(
                f"{ALERTING}/domain/matcher.py",
                "            return re2.compile(value, options)\n",
                "            return re.compile(value, re.DOTALL)\n",
            ),
        ),
        at(
            f"{ALERTING_FOLDER}/unit/test_matcher.py",
            "test_a_regular_expression_takes_linear_time",
        ),
    ),
)
