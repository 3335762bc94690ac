"""Mistakes that show when a database is restored and the broker's content is gone too."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"

MUTANTS = (
    Mutant(
        "a lost log is not refilled",
        (
            Change(
                f"{COMMON}/kafka/refill.py",
                " if not first <= ours.get((topic, n), 0) <= end}\n",
                " if not first <= ours.get((topic, n), 0)}\n",
            ),
        ),
        at(
            f"{COMMON_TESTS}/test_backfill.py",
            "test_a_position_beyond_the_log_end_backfills_everything_once",
        ),
    ),
    Mutant(
        "served before a lost log is refilled",
        (
            Change(
                f"{COMMON}/kafka/catchup.py",
                "            await self._require_this_log(stored)\n",
                "            pass\n",
            ),
        ),
        at(
            f"{COMMON_TESTS}/test_catchup.py",
            "test_nothing_is_served_before_a_lost_log_is_backfilled",
        ),
    ),
    Mutant(
        "alerts that the broker has lost are not sent again",
        (
            Change(
                f"{COMMON}/service/worker.py",
                "        for topic in (AlertRaised.TOPIC, *self.spec.resent):\n",
                "        for topic in self.spec.resent:\n",
            ),
        ),
        at(f"{COMMON_TESTS}/test_worker.py", "test_alerts_that_the_broker_has_lost_are_sent_again"),
    ),
)
