"""Mistakes with numbers and restores: a number given twice, an order believed too early, a silent gap."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
INGESTER = "services/ingester/src/ingester"
INGESTER_TESTS = "services/ingester/tests/integration"
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
        "article version counted from the row alone",
        (
            Change(
                f"{INGESTER}/storage/articles.sql",
                "d.source_position,\n       floor(extract(epoch FROM $6::timestamptz) * 1000)::bigint,\n",
                "d.source_position,\n       1,\n",
            ),
        ),
        at(
            f"{INGESTER_TESTS}/test_rules.py",
            "test_a_version_that_a_restored_database_lost_is_not_assigned_again",
        ),
    ),
    Mutant(
        "alert identified by a counter that a restore sets back",
        (
            Change(
                f"{COMMON}/alerts/messages.py",
                'event_id("alert", identity, occurrence, at.isoformat())',
                'event_id("alert", identity, occurrence)',
            ),
        ),
        at(
            f"{COMMON_TESTS}/test_alert_publisher.py",
            "test_an_alert_after_a_restore_has_a_new_event_id",
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
        "published when this replica's own partitions are applied",
        (
            Change(
                f"{INGESTER}/use_cases/publishing.py",
                "    await service.orders_applied()\n    return await",
                "    return await",
            ),
        ),
        at(
            f"{INGESTER_TESTS}/test_worker.py",
            "test_nothing_is_published_before_the_orders_of_all_partitions_are_applied",
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
            "test_the_age_of_the_last_copy_on_the_brokers_counts_from_when_the_publisher_holds_none",
        ),
    ),
    Mutant(
        "an order is believed whatever number it names before itself",
        (
            Change(
                "contracts/src/clawback_contracts/revocation/folding.py",
                "    return order.previous_order == head.order_no\n\n\ndef keeps_copy",
                "    return True\n\n\ndef keeps_copy",
            ),
        ),
        at(
            f"{INGESTER_TESTS}/test_unconfirmed.py",
            "test_a_forged_revocation_with_a_gap_withholds_is_reported_and_changes_nothing",
        ),
    ),
    Mutant(
        "an order that waits to be confirmed is answered",
        (
            Change(
                f"{COMMON}/messaging/answers.py",
                "if row.covers(order) and addressed(order, holder):",
                "if addressed(order, holder):",
            ),
        ),
        at(
            f"{INGESTER_TESTS}/test_unconfirmed.py",
            "test_no_receipt_is_sent_before_an_order_is_confirmed",
        ),
    ),
    Mutant(
        "an order that compliance issued is reported as forged",
        (
            Change(
                f"{COMMON}/messaging/unconfirmed.py",
                "known = {(one.value.order, one.value.revocation_id) for one in issued}",
                "known = set[object]()",
            ),
        ),
        at(
            f"{INGESTER_TESTS}/test_unconfirmed.py",
            "test_an_order_after_a_lost_one_is_applied_when_compliance_has_confirmed_both",
        ),
    ),
    Mutant(
        "a reinstatement is believed whatever it reinstates",
        (
            Change(
                "contracts/src/clawback_contracts/revocation/folding.py",
                "head.status is not Status.LIVE and order.revocation_id == head.revocation_id\n",
                "head.status is not Status.LIVE\n",
            ),
        ),
        at(
            f"{INGESTER_TESTS}/test_unconfirmed.py",
            "test_a_forged_reinstatement_does_not_make_a_revoked_article_readable",
        ),
    ),
    Mutant(
        "a gap is no gap when the broker has forgotten the group",
        (
            Change(
                f"{COMMON}/kafka/gaps.py",
                "            known = [offset for offset in both if offset is not None]\n",
                "            known = [offset for offset in both[:1] if offset is not None]\n",
            ),
        ),
        at(
            f"{COMMON_TESTS}/test_bus_offsets.py",
            "test_a_gap_is_found_when_the_broker_has_deleted_the_groups_offsets",
        ),
    ),
    Mutant(
        "articles counted without where we are",
        (
            Change(
                "services/analytics/src/analytics/use_cases/counting.py",
                "            await offsets.keep(tx, GROUP, positions)\n",
                "            pass\n",
            ),
        ),
        at(
            "services/analytics/tests/integration/test_rules.py",
            "test_the_offset_is_saved_in_the_transaction_of_the_counts",
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
            "test_what_a_store_of_ours_calls_superseded_is_revoked_again_above_it",
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
            "test_what_is_withheld_here_and_superseded_in_a_store_of_ours_is_withheld_above_it",
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
            "test_a_receipt_is_handled_only_when_what_it_contradicts_is_ordered_again",
        ),
    ),
    Mutant(
        "what a lost log held is not published again",
        (
            Change(
                f"{COMMON}/messaging/outbox/lost_log.py",
                "        if before in {None, log.topic_id} and whole:\n",
                "        if whole:\n",
            ),
        ),
        at(f"{INGESTER_TESTS}/test_worker.py", "test_articles_of_a_lost_log_are_published_again"),
    ),
)
