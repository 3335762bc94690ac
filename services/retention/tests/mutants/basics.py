"""Known mistakes of retention."""

from tests.mutants.mutant import Change, Mutant, at

RETENTION = "services/retention/src/retention"
RETENTION_TESTS = "services/retention/tests/integration"

MUTANTS = (
    Mutant(
        "hold that no request reads_body of",
        (
            Change(
                f"{RETENTION}/gateways/events.py",
                '"holds": [hold.for_owners() for hold in holds],',
                '"holds": [],',
            ),
        ),
        at(
            f"{RETENTION_TESTS}/test_sweeps.py",
            "test_a_resent_request_names_the_current_holds",
        ),
    ),
    Mutant(
        "officers: a hold on unknown articles warns of nothing",
        (
            Change(
                "services/retention/src/retention/gateways/ingester.py",
                "    return [one for one in article_ids if one not in held]\n",
                "    return []\n",
            ),
        ),
        at(
            "tests/pairs/test_holds.py",
            "test_a_hold_reports_unknown_and_revoked_ids_and_is_in_force",
        ),
    ),
)
