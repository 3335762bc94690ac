"""Mistakes in the authentication of records, the binding of keys, and what strangers may cost us."""

from tests.mutants.mutant import Change, Mutant, at

ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests"

MUTANTS = (
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
