"""Known mistakes of the contracts."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER_TESTS = "services/ingester/tests"
RULES = f"{INGESTER_TESTS}/integration/test_rules.py"
INGESTER_INTEGRATION = "services/ingester/tests/integration"
TESTS = "services/compliance/tests/integration"
HOLDERS = f"{TESTS}/test_holders.py"
CONTRACTS = "contracts/src/clawback_contracts"

MUTANTS = (
    Mutant(
        "a reinstatement that spares the old text",
        (
            Change(
                "contracts/src/clawback_contracts/revocation/folding.py",
                "            removes = removes or not keeps_copy(after, order)\n",
                "            removes = removes or status_of(order) is Status.REVOKED\n",
            ),
        ),
        at(RULES, "test_a_reinstatement_whose_revocation_was_skipped_still_removes_the_old_text"),
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
            f"{INGESTER_INTEGRATION}/test_unconfirmed.py",
            "test_a_forged_revocation_with_a_gap_withholds_is_reported_and_changes_nothing",
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
            f"{INGESTER_INTEGRATION}/test_unconfirmed.py",
            "test_a_forged_reinstatement_does_not_make_a_revoked_article_readable",
        ),
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
        at(HOLDERS, "test_hours_beyond_ten_years_are_rejected_by_contract_and_table"),
    ),
    Mutant(
        "old reader that refuses a field of a later version",
        (Change(f"{CONTRACTS}/envelope.py", 'extra="ignore",', 'extra="forbid",'),),
        at("contracts/tests/test_examples.py", "test_every_example_is_read_and_survives_a_round_trip"),
    ),
    Mutant(
        "contract whose break for old readers is not noticed",
        (
            Change(
                "contracts/generator/compatibility.py",
                'closed_old, seen_by_old, "serializer"',
                'closed_old, closed_old, "serializer"',
            ),
        ),
        at("contracts/tests/test_generated.py", "test_a_schema_is_incompatible_when"),
    ),
    Mutant(
        "signature of another record",
        (
            Change(
                "contracts/src/clawback_contracts/signatures.py",
                "        except (InvalidSignature, ValueError):\n            return False\n",
                "        except ValueError:\n            return False\n"
                "        except InvalidSignature:\n            return True\n",
            ),
        ),
        at(
            "libs/common/tests/unit/test_authentication.py",
            "test_an_unknown_or_missing_signer_is_none",
        ),
    ),
)
