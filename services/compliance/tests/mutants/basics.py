"""Known mistakes of compliance."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests/integration"
CHECKS = f"{COMPLIANCE_TESTS}/test_checks.py"
COMPLIANCE_FOLDER = "services/compliance/tests"
HOLDINGS = "tests/pairs/test_holdings.py"

MUTANTS = (
    Mutant(
        "a run record only when something was found",
        (
            Change(
                f"{COMPLIANCE}/use_cases/runs.py",
                "        noticed = sum(poll.noticed for poll in polls)\n",
                "        noticed = sum(poll.noticed for poll in polls)\n"
                "        if not noticed:\n            return None\n",
            ),
        ),
        at(CHECKS, "test_a_day_without_notices_is_a_completed_run"),
    ),
    Mutant(
        "a reinstatement recovered without the revocation that it ends",
        (
            Change(
                f"{COMPLIANCE}/use_cases/own_orders.py",
                "    there = {one.revocation_id for one in found if not isinstance(one, ArticleReinstated)}\n",
                "    there = {one.revocation_id for one in found}\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/test_own_orders.py",
            "test_a_recovered_reinstatement_without_its_revocation_only_raises_the_number",
        ),
    ),
    Mutant(
        "an order that only a store knows is forgotten",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "            await revoke_lost(tx, _removed(meant, contradicted), service)\n",
                "",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/test_own_orders.py",
            "test_a_lost_removal_known_only_to_our_store_is_ordered_again_above_it",
        ),
    ),
    Mutant(
        "an answer that differs is recorded once an attempt",
        (
            Change(
                f"{COMPLIANCE}/domain/obligation.py",
                'hashlib.sha256("\\x1f".join(parts).encode()).digest()',
                'hashlib.sha256(b"").digest()',
            ),
        ),
        at(
            f"{COMPLIANCE_FOLDER}/integration/test_receipts.py",
            "test_the_receipt_that_closes_an_obligation_is_listed_with_the_article",
            "test_a_receipt_completed_under_the_same_id_is_recorded_in_both_versions",
        ),
    ),
    Mutant(
        "what result of a notice told to any licensor",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/notice_status.py",
                "    return _helps(caller) or one.noticed_by in names\n",
                "    return True\n",
            ),
        ),
        at(
            f"{COMPLIANCE_FOLDER}/integration/test_notice_status.py",
            "test_a_notice_of_one_sender_is_unknown_to_another",
        ),
    ),
    Mutant(
        "our stores asked for their holdings without a key",
        (
            Change(
                f"{COMPLIANCE}/gateways/stores.py",
                "article_ids, bearer(key_file))",
                "article_ids, {})",
            ),
        ),
        at(
            HOLDINGS,
            "test_a_takedown_is_verified_in_stores_that_require_a_key",
            "test_a_replaced_key_is_used_without_a_restart",
        ),
    ),
    Mutant(
        "the key of our stores shown to a consumer",
        (
            Change(
                f"{COMPLIANCE}/use_cases/verification.py",
                "self._client.ask_registered(address, list(dict.fromkeys(ids)))",
                "self._client.ask_own(address, ids, self._service.settings.stores_api_key_file)",
            ),
        ),
        at(HOLDINGS, "test_the_key_of_our_stores_is_never_sent_to_a_consumer"),
    ),
    Mutant(
        "receipt of anybody",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "        if not answer.authenticated:\n",
                "        if not answer.holder:\n",
            ),
        ),
        at(
            f"{COMPLIANCE_FOLDER}/integration/test_receipts.py",
            "test_a_receipt_in_another_holders_name_closes_nothing_and_is_recorded_as_unauthenticated",
            "test_a_replaced_signing_key_is_no_longer_accepted",
        ),
    ),
)
