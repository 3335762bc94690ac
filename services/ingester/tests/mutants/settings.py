"""Mistakes in what everybody is promised: when the clock starts, that old readers read, how often feeds are polled."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER_SETTINGS = "services/ingester/src/ingester/settings.py"
SETTINGS_TESTS = "services/ingester/tests/unit/test_settings.py"

MUTANTS = (
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
        "empty key of the provider that is replaced by the simulator's",
        (Change(INGESTER_SETTINGS, "        if not given.strip():\n", "        if given is None:\n"),),
        at(SETTINGS_TESTS, "test_an_empty_key_is_refused"),
    ),
)
