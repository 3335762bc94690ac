"""Mistakes in what everybody is promised: when the clock starts, that old readers read, how often feeds are polled."""

from tests.mutants.mutant import Change, Mutant, at

NOTICE = "services/compliance/src/compliance/domain/notice.py"
NOTICE_TESTS = "services/compliance/tests/unit/test_notice.py"

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
)
