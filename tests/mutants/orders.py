"""Mistakes in who may order what, and under which identity."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
INGESTER = "services/ingester/src/ingester"
TESTS = "services/compliance/tests/integration"
IDENTITY = f"{TESTS}/test_notice_identity.py"
HOLDERS = f"{TESTS}/test_holders.py"
API = f"{TESTS}/test_api.py"

MUTANTS = (
    Mutant(
        "notice known by its id alone",
        (
            Change(
                f"{COMPLIANCE}/state/notices.sql",
                "LEFT JOIN notice AS n ON n.notice_id = w.notice_id AND n.article_id = w.article_id",
                "LEFT JOIN notice AS n ON n.notice_id = w.notice_id",
            ),
        ),
        at(IDENTITY, "test_an_id_that_was_sent_before_for_another_article_suppresses_no_revocation"),
    ),
    Mutant(
        "notice answered by another article's order",
        (
            Change(
                f"{INGESTER}/state/notices.sql",
                "WHERE notice.notice_id = o.notice_id AND notice.article_id = o.article_id AND answered_at IS NULL",
                "WHERE notice.notice_id = o.notice_id AND answered_at IS NULL",
            ),
        ),
        at(
            "services/ingester/tests/integration/test_notices.py",
            "test_an_order_on_another_article_that_cites_its_id_answers_no_notice",
        ),
    ),
    Mutant(
        "holder without an upper bound of hours",
        (
            Change(
                f"{COMPLIANCE}/state/obligations.sql", "least(h.forgets_after_h, 87600)", "h.forgets_after_h"
            ),
        ),
        at(HOLDERS, "test_a_number_of_ours_that_is_out_of_bounds_sets_no_notice_aside"),
    ),
    Mutant(
        "holder's hours bounded by the statement alone",
        (
            Change(
                "contracts/src/clawback_contracts/holder/v1.py",
                "Field(None, gt=0, le=FORGETS_AFTER_H_MAX)",
                "Field(None, gt=0)",
            ),
        ),
        at(HOLDERS, "test_hours_beyond_ten_years_are_refused_by_contract_and_table"),
    ),
    Mutant(
        "own stores changed over HTTP",
        (
            Change(
                f"{COMPLIANCE}/domain/holder.py",
                "if name in stores or kind is HolderKind.STORE:",
                "if False:",
            ),
        ),
        at(API, "test_nobody_takes_our_own_copies_out_of_takedowns_over_http"),
    ),
    Mutant(
        "backups changed over HTTP",
        (Change(f"{COMPLIANCE}/domain/holder.py", "if kind is HolderKind.EXPIRY:", "if False:"),),
        at(API, "test_nobody_takes_our_own_copies_out_of_takedowns_over_http"),
    ),
    Mutant(
        "kind of a holder changed",
        (
            Change(
                f"{COMPLIANCE}/inlet/registering.py",
                'if body.kind not in {None, there["kind"]}:',
                "if False:",
            ),
        ),
        at(API, "test_the_kind_of_a_holder_is_fixed_and_every_change_is_an_alert"),
    ),
)
