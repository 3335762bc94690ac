"""Mistakes with numbers and restores: a number given twice, an order believed too early, a silent gap."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
INGESTER_TESTS = "services/ingester/tests/integration"

MUTANTS = (
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
