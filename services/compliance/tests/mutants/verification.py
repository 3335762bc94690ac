"""Known mistakes about what counts as proof, and about calls to addresses that others registered."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
TESTS = "services/compliance/tests/integration"
VERIFICATION = f"{TESTS}/test_verification.py"
PROOF = "services/compliance/tests/unit/test_obligation.py"
RESENDING = f"{TESTS}/test_resending.py"

MUTANTS = (
    Mutant(
        "gone believed without proof",
        (
            Change(
                f"{COMPLIANCE}/domain/obligation.py",
                "    if checked.orders is not None and (checked.held or (checked.few_live and not checked.controls)):\n"
                "        return Proof.ORDER\n    return None\n",
                "    return Proof.ORDER\n",
            ),
        ),
        (
            *at(PROOF, "test_the_answer_gone_needs_proof"),
            *at(
                VERIFICATION,
                "test_with_fewer_than_five_live_articles_only_the_applied_order_proves_a_removal",
                "test_an_empty_store_verifies_nothing_when_all_the_known_controls_are_taken_down_at_once",
            ),
        ),
    ),
    Mutant(
        "gone believed of an order that was not applied",
        (
            Change(
                f"{COMPLIANCE}/domain/obligation.py",
                "    if checked.orders is not None and checked.orders.get(article_id, 0) < order_no:\n"
                "        return None\n",
                "",
            ),
        ),
        at(
            VERIFICATION,
            "test_a_store_that_holds_the_controls_but_has_not_applied_the_order_is_checked_again",
        ),
    ),
    Mutant(
        "controls fetched again when few are known, not when few can be used",
        (
            Change(
                f"{COMPLIANCE}/use_cases/controls.py",
                "(self._stale or len(usable) < CONTROLS) and again",
                "len(self._ids) < CONTROLS and again",
            ),
            Change(f"{COMPLIANCE}/use_cases/controls.py", "            self._drop(revoked)\n", ""),
        ),
        at(
            VERIFICATION,
            "test_an_empty_store_verifies_nothing_when_all_the_known_controls_are_taken_down_at_once",
        ),
    ),
    Mutant(
        "the time of a missed control is known to one worker alone",
        (
            Change(
                f"{COMPLIANCE}/storage/controls.py",
                "[since for article_id, since in known.items() if article_id not in found]",
                "list[datetime]()",
            ),
        ),
        at(VERIFICATION, "test_two_workers_raise_one_alert_on_a_store_that_misses_its_controls"),
    ),
    Mutant(
        "a control that was missed is not queried again",
        (
            Change(
                f"{COMPLIANCE}/use_cases/controls.py",
                "ControlSample(tuple(usable), tuple(missing))",
                "ControlSample(tuple(usable), ())",
            ),
        ),
        at(
            VERIFICATION,
            "test_a_missed_control_is_checked_until_it_is_reported_as_held",
            "test_two_workers_raise_one_alert_on_a_store_that_misses_its_controls",
        ),
    ),
    Mutant(
        "a question without an answer resolves the alert",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "    at = service.clock.now() + after\n",
                '    await service.alert_publisher.on_conditions(f"holdings:{holder}", [])\n'
                "    at = service.clock.now() + after\n",
            ),
        ),
        at(VERIFICATION, "test_an_unanswered_holdings_check_neither_raises_nor_resolves_an_alert"),
    ),
    Mutant(
        "a slow holder delays the others",
        (
            Change(
                f"{COMPLIANCE}/use_cases/verification.py",
                "        await self._sleeper.sleep(IDLE_S)\n        await self._begin()\n",
                "        await self._sleeper.sleep(IDLE_S)\n        await self.verify()\n",
            ),
        ),
        at(VERIFICATION, "test_a_slow_holder_delays_only_itself"),
    ),
    Mutant(
        "what is still held is sent again at once",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "ELSE $3 + ($4::interval[])[least(reopened + 1, cardinality($4::interval[]))] END",
                "ELSE $3 + 0 * ($4::interval[])[1] END",
            ),
        ),
        at(
            RESENDING,
            "test_an_order_is_resent_with_increasing_delays_only_to_the_holder_that_still_holds_the_article",
            "test_an_unsolicited_receipt_neither_advances_nor_delays_the_next_resend",
        ),
    ),
    Mutant(
        "an order is sent again to all holders",
        (
            Change(
                f"{COMPLIANCE}/use_cases/orders.py",
                "events.orders(again, cited or {}, now, addressed)",
                "events.orders(again, cited or {}, now)",
            ),
        ),
        at(
            RESENDING,
            "test_an_order_is_resent_only_to_holders_without_an_answer_and_finally_daily",
            "test_an_order_is_resent_with_increasing_delays_only_to_the_holder_that_still_holds_the_article",
        ),
    ),
)
