"""Mistakes in the authentication of records, the binding of keys, and what strangers may cost us."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests"
ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests"

MUTANTS = (
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
            f"{COMPLIANCE_TESTS}/integration/test_receipts.py",
            "test_a_receipt_in_another_holders_name_closes_nothing_and_is_recorded_as_unauthenticated",
            "test_a_replaced_signing_key_is_no_longer_accepted",
        ),
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
    Mutant(
        "record of any sender on our own topic",
        (
            Change(
                f"{COMMON}/kafka/authentication.py",
                "        if sender is None or sender.subject not in known.signers:\n",
                "        if sender is None:\n",
            ),
        ),
        at(
            "libs/common/tests/unit/test_authentication.py",
            "test_an_order_is_accepted_from_compliance_only",
        ),
    ),
    Mutant(
        "event id of any sender",
        (
            Change(
                f"{COMMON}/kafka/envelope.py",
                '        return self.sender.subject if self.sender else "", self.event_id\n',
                '        return "", self.event_id\n',
            ),
        ),
        at(
            f"{ALERTING_TESTS}/integration/test_notifications.py",
            "test_an_alert_is_not_suppressed_by_a_record_with_the_same_event_id",
        ),
    ),
    Mutant(
        "regular expression that backtracks",
        (
            Change(
                f"{ALERTING}/domain/matcher.py",
                "            return re2.compile(value, options)\n",
                "            return re.compile(value, re.DOTALL)\n",
            ),
        ),
        at(
            f"{ALERTING_TESTS}/unit/test_matcher.py",
            "test_a_regular_expression_takes_linear_time",
        ),
    ),
)
