"""Known mistakes of the local stack."""

from tests.mutants.mutant import Change, Mutant, at

LOCAL = "deploy/local/src/clawback_local"
LOCAL_TESTS = "deploy/local/tests/unit"

MUTANTS = (
    Mutant(
        "partner's key that the next start forgets",
        (Change(f"{LOCAL}/keys.py", " + _partners(paths)\n", "\n"),),
        at(
            f"{LOCAL_TESTS}/test_keys.py",
            "test_a_restart_keeps_the_key_and_repeating_the_command_replaces_its_permissions",
        ),
    ),
    Mutant(
        "setting of the running stack that is unset now and not named",
        (Change(f"{LOCAL}/parts.py", "else name in users)", "else False)"),),
        at(f"{LOCAL_TESTS}/test_settings.py", "test_a_variable_that_is_unset_now_differs"),
    ),
)
