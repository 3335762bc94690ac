"""Known mistakes about what counts as proof, and about calls to addresses that others registered."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
CLIENT = "libs/common/src/clawback_common/http/guarded_client.py"
TESTS = "services/compliance/tests/integration"
VERIFICATION = f"{TESTS}/test_verification.py"
RESENDING = f"{TESTS}/test_resending.py"
PROOF = "services/compliance/tests/unit/test_obligation.py"
GUARDED = "libs/common/tests/unit/test_guarded_client.py"

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
        "since when a control is missed is known to one worker alone",
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
        "a control that was missed is not asked for again",
        (
            Change(
                f"{COMPLIANCE}/use_cases/controls.py",
                "missing = await missing_controls.missing(service.db, store)",
                "missing = list[str]()",
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
        "a time limit for each read and none for the whole",
        (
            Change(
                CLIENT,
                "            async with asyncio.timeout(self._timeout_s):\n"
                "                return await self._post(url, body, headers or {})\n",
                "            return await self._post(url, body, headers or {})\n",
            ),
        ),
        at(GUARDED, "test_a_slow_response_ends_after_the_total_time"),
    ),
    Mutant(
        "an encoded answer is decoded before it is measured",
        (
            Change(CLIENT, 'not in {"", "identity"}', "in ()"),
            Change(CLIENT, "response.aiter_raw()", "response.aiter_bytes()"),
        ),
        at(GUARDED, "test_a_gzip_bomb_is_refused_before_it_is_decompressed"),
    ),
    Mutant(
        "an answer is read whatever its size",
        (Change(CLIENT, "        if size > ANSWER_BYTES_MAX:\n", "        if size > 2**30:\n"),),
        at(GUARDED, "test_a_large_response_is_not_read_to_its_end"),
    ),
    Mutant(
        "an address is checked by its form alone",
        (Change(CLIENT, "        self._rules.check_addresses(addresses)\n", ""),),
        (
            *at(
                GUARDED,
                "test_a_name_that_resolves_elsewhere_after_the_registration_is_not_called",
                "test_other_ways_to_write_loopback_are_refused_in_production",
            ),
            *at(f"{TESTS}/test_addresses.py", "test_an_address_that_must_not_be_used_is_rejected"),
        ),
    ),
    Mutant(
        "the name is resolved again to connect",
        (Change(CLIENT, "Target(parsed.copy_with(host=one), name,", "Target(parsed, name,"),),
        at(GUARDED, "test_a_name_is_resolved_once_and_that_address_is_connected_to"),
    ),
    Mutant(
        "a redirect is followed to an address that nobody checked",
        (Change(CLIENT, "stream=True, follow_redirects=False", "stream=True, follow_redirects=True"),),
        at(GUARDED, "test_a_redirect_is_not_followed"),
    ),
    Mutant(
        "an IPv4 address inside an IPv6 address is public",
        (
            Change(CLIENT, "            found = found.ipv4_mapped\n", "            return True\n"),
            Change(
                CLIENT, "        if any(found in one for one in _TRANSLATED):\n            return False\n", ""
            ),
        ),
        at(GUARDED, "test_an_address_that_is_not_public_is_refused_in_production"),
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
