"""Known mistakes of analytics."""

from tests.mutants.mutant import Change, Mutant, at

MUTANTS = (
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
        "every known value uses up a number",
        (
            Change(
                "services/analytics/src/analytics/storage/values.sql",
                "WHERE NOT EXISTS (SELECT FROM value AS x WHERE x.dimension = v.dimension AND x.text = v.text)\n",
                "",
            ),
        ),
        at(
            "services/analytics/tests/integration/test_rules.py",
            "test_an_existing_value_or_filter_key_uses_up_no_id",
        ),
    ),
)
