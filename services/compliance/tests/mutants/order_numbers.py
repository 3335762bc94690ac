"""Mistakes with numbers and restores: a number given twice, an order believed too early, a silent gap."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests"

MUTANTS = (
    Mutant(
        "order number counted from the row alone",
        (
            Change(
                f"{COMPLIANCE}/domain/order.py",
                "    return max(last + 1, (now - _EPOCH) // _MILLISECOND)\n",
                "    return last + 1\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/unit/test_order.py",
            "test_a_database_that_lost_its_orders_never_issues_a_number_again",
        ),
    ),
    Mutant(
        "orders that a restored database has forgotten are not recovered",
        (
            Change(
                f"{COMPLIANCE}/use_cases/own_orders.py",
                "            believed = [one for one in lost if _is_ours(one, service, now)]\n",
                "            believed = [one for one in lost if not one]\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_own_orders.py",
            "test_lost_orders_are_recovered_and_the_next_number_is_above_them",
        ),
    ),
    Mutant(
        "an order is issued before our own topic is read",
        (
            Change(
                f"{COMPLIANCE}/use_cases/orders.py",
                "    await service.require_own_orders()\n    now = service.clock.now()\n",
                "    now = service.clock.now()\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_own_orders.py",
            "test_nothing_is_issued_before_our_own_orders_are_read",
        ),
    ),
    Mutant(
        "the age of the last copy counted from the order",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "                THEN r.ordered_at END\n",
                "                THEN r.ordered_at ELSE r.ordered_at END\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_takedown.py",
            "test_the_expiry_on_the_brokers_counts_from_the_time_the_publisher_holds_no_copy",
        ),
    ),
    Mutant(
        "a store that knows a later order is not believed",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "(meaning is ReceiptOutcome.INCOMPLETE and superseded) or meaning is ReceiptOutcome.UNKNOWN_ORDER",
                "False",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_own_orders.py",
            "test_an_order_that_our_store_reports_as_superseded_is_issued_again_above_it",
        ),
    ),
    Mutant(
        "what is withheld and superseded in a store is not ordered again",
        (
            Change(
                f"{COMPLIANCE}/use_cases/own_orders.py",
                "if (one.revoked or one.withheld) and one.revocation_id is not None",
                "if one.revoked and one.revocation_id is not None",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_requests.py",
            "test_an_article_withheld_here_and_superseded_in_our_store_is_withheld_again",
        ),
    ),
    Mutant(
        "a receipt counts as handled before what it contradicts is ordered again",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "        if positions and not contradicted:\n",
                "        if positions:\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_own_orders.py",
            "test_a_contradicting_receipt_is_processed_only_when_its_order_is_reissued",
        ),
    ),
)
