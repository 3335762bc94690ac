"""Known mistakes about holders that join late."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
TEST = "services/compliance/tests/integration/test_newcomers.py"

MUTANTS = (
    Mutant(
        "newcomer that is late from the beginning",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "CASE WHEN $3::text IS NULL THEN r.due_at",
                "CASE WHEN $3::text IS NOT DISTINCT FROM $3 THEN r.due_at",
            ),
        ),
        at(TEST, "test_a_newcomer_has_the_whole_time_for_an_order_that_is_overdue"),
    ),
    Mutant(
        "newcomer whose clock began before it came",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "AND h.registered_at <= r.ordered_at",
                "AND h.registered_at <= now() + interval '100 years'",
            ),
        ),
        at(TEST, "test_an_earlier_clock_that_becomes_known_later_is_not_the_newcomer_s"),
    ),
    Mutant(
        "newcomer that is taken for a stranger",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "if not (meaning == ReceiptOutcome.NOT_OBLIGED.value and name in registered)",
                "if meaning",
            ),
        ),
        at(TEST, "test_a_newcomer_that_answers_what_was_closed_before_it_came_is_no_stray"),
    ),
    Mutant(
        "resending that waits for its time",
        (
            Change(
                f"{COMPLIANCE}/use_cases/holders.py",
                "        await revocations.send_from(tx, dict.fromkeys(again, now))\n",
                "",
            ),
        ),
        at(TEST, "test_what_a_holder_has_not_answered_is_sent_again_when_an_operator_asks"),
    ),
)
