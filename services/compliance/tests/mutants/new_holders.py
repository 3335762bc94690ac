"""Known mistakes about holders that join late."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
TEST = "services/compliance/tests/integration/test_new_holders.py"

MUTANTS = (
    Mutant(
        "new holder that is late from the beginning",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "CASE WHEN $3::text IS NULL THEN r.due_at",
                "CASE WHEN $3::text IS NOT DISTINCT FROM $3 THEN r.due_at",
            ),
        ),
        at(TEST, "test_a_new_holder_has_the_full_time_for_an_overdue_order"),
    ),
    Mutant(
        "new holder whose deadline counts from before its registration",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "AND h.registered_at <= r.ordered_at",
                "AND h.registered_at <= now() + interval '100 years'",
            ),
        ),
        at(TEST, "test_an_earlier_clock_that_becomes_known_later_does_not_apply_to_a_new_holder"),
    ),
    Mutant(
        "new holder that is treated as unknown",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "if not (meaning == ReceiptOutcome.NOT_OBLIGED.value and name in registered)",
                "if meaning",
            ),
        ),
        at(TEST, "test_a_new_holders_receipt_for_an_order_closed_before_is_not_alerted_as_stray"),
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
        at(TEST, "test_unanswered_orders_of_a_holder_are_resent_at_an_operators_request"),
    ),
)
