"""Mistakes in what everybody is promised: when the clock starts, that old readers read, how often feeds are polled."""

from tests.mutants.mutant import Change, Mutant, at

NOTICE = "services/compliance/src/compliance/domain/notice.py"
NOTICE_TESTS = "services/compliance/tests/unit/test_notice.py"
CONTRACTS = "contracts/src/clawback_contracts"
INGESTER_SETTINGS = "services/ingester/src/ingester/settings.py"
SETTINGS_TESTS = "services/ingester/tests/unit/test_settings.py"
LOCAL = "deploy/local/src/clawback_local"
LOCAL_TESTS = "deploy/local/tests/unit"

MUTANTS = (
    Mutant(
        "clock that starts at the notice, not at the provider's time",
        (Change(NOTICE, "in (notice.revoked_at, notice.earliest_at):", "in (notice.earliest_at,):"),),
        at(NOTICE_TESTS, "test_the_clock_starts_at_the_providers_revocation_time"),
    ),
    Mutant(
        "clock that forgets the last complete poll",
        (Change(NOTICE, "in (notice.revoked_at, notice.earliest_at):", "in (notice.revoked_at,):"),),
        at(NOTICE_TESTS, "test_without_a_revocation_time_the_clock_starts_at_the_last_complete_poll_before"),
    ),
    Mutant(
        "clock that a time in the future postpones",
        (Change(NOTICE, "OLDEST <= candidate <= noticed_at:", "OLDEST <= candidate:"),),
        at(NOTICE_TESTS, "test_a_revocation_time_in_the_future_does_not_delay_the_clock"),
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
        "feed of the free tier polled like one of the premium tier",
        (Change(INGESTER_SETTINGS, '("articles", "free"): 86_400.0', '("articles", "free"): 900.0'),),
        at(SETTINGS_TESTS, "test_a_feed_is_polled_at_the_interval_of_its_tier"),
    ),
    Mutant(
        "file of feeds that is read when it is first needed",
        (Change(INGESTER_SETTINGS, "            _feeds_of(file)\n", "            _ = file\n"),),
        at(SETTINGS_TESTS, "test_a_bad_file_of_feeds_is_named_when_a_process_starts"),
    ),
    Mutant(
        "empty key of the provider that stands for the simulator's",
        (Change(INGESTER_SETTINGS, "        if not given.strip():\n", "        if given is None:\n"),),
        at(SETTINGS_TESTS, "test_an_empty_key_is_refused"),
    ),
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
