"""Mistakes in the authentication of records, the binding of keys, and what strangers may cost us."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests"

MUTANTS = (
    Mutant(
        "event id of any sender",
        (
            Change(
                f"{COMMON}/bus/envelope.py",
                '        return self.sender.subject if self.sender else "", self.event_id\n',
                '        return "", self.event_id\n',
            ),
        ),
        at(
            f"{ALERTING_TESTS}/integration/test_telling.py",
            "test_a_page_is_not_swallowed_by_whoever_sent_its_id_before",
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
            "test_a_regular_expression_takes_time_in_proportion_to_the_label_alone",
        ),
    ),
)
