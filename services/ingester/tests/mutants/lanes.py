"""Known mistakes about consumer lanes: what stops one, what quarantine keeps, and where a lane resumes."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
SUBMISSIONS = "services/ingester/tests/integration/test_submission_quarantine.py"
COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
LANES = f"{COMMON_TESTS}/test_bus_lanes.py"

MUTANTS = (
    Mutant(
        "bytes of a revoked article kept in quarantine",
        (
            Change(
                f"{INGESTER}/use_cases/storing.py",
                "return foreign | await articles.revoked(tx, article_ids)",
                "return foreign",
            ),
        ),
        at(SUBMISSIONS, "test_no_content_is_kept_of_a_submission_about_a_revoked_article"),
    ),
    Mutant(
        "bytes of a foreign article kept in quarantine",
        (
            Change(
                f"{INGESTER}/use_cases/storing.py",
                "return foreign | await articles.revoked(tx, article_ids)",
                "return await articles.revoked(tx, article_ids)",
            ),
        ),
        at(SUBMISSIONS, "test_no_content_is_kept_of_a_submission_about_an_article_of_another_provider"),
    ),
    Mutant(
        "own offsets go back on a retry",
        (
            Change(f"{COMMON}/kafka/offsets.sql", "\nWHERE excluded.next_offset > o.next_offset", ""),
            Change(
                f"{INGESTER}/service.py",
                "partial(subscriptions, positions=False)",
                "subscriptions",
            ),
        ),
        at(SUBMISSIONS, "test_a_retry_of_an_old_order_does_not_move_the_position_on_the_topic")
        + at(LANES, "test_own_offsets_do_not_go_back_unless_the_log_was_replaced"),
    ),
)
