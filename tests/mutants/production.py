"""Known mistakes about keys, certificates and what production must not start with."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
HOLDINGS = "tests/pairs/test_holdings.py"

MUTANTS = (
    Mutant(
        "our stores asked for their holdings without a key",
        (
            Change(
                f"{COMPLIANCE}/outlet/stores.py",
                "headers = {**bearer(key_file), ",
                "headers = {",
            ),
        ),
        at(
            HOLDINGS,
            "test_a_takedown_is_verified_in_stores_that_ask_for_a_key",
            "test_a_key_that_was_replaced_is_used_without_a_restart",
        ),
    ),
    Mutant(
        "the key of our stores shown to a consumer",
        (
            Change(
                f"{COMPLIANCE}/inlet/looking.py",
                "(claims[0].holdings_url, None)",
                "(claims[0].holdings_url, settings.stores_api_key_file)",
            ),
        ),
        at(HOLDINGS, "test_the_key_of_our_stores_is_never_shown_to_a_consumer"),
    ),
)
