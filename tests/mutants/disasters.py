"""Mistakes that show when a database is restored and the broker's content is gone too."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests/integration"
COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests/integration"

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
        "a reinstatement recovered without the revocation that it ends",
        (
            Change(
                f"{COMPLIANCE}/use_cases/own_orders.py",
                "    there = {one.revocation_id for one in found if not isinstance(one, ArticleReinstated)}\n",
                "    there = {one.revocation_id for one in found}\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/test_own_orders.py",
            "test_a_reinstatement_whose_revocation_nobody_knows_any_more_raises_the_number_alone",
        ),
    ),
    Mutant(
        "an order that only a store knows is forgotten",
        (
            Change(
                f"{COMPLIANCE}/use_cases/receipts.py",
                "            await revoke_lost(tx, _removed(meant, contradicted), service)\n",
                "",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/test_own_orders.py",
            "test_what_only_a_store_of_ours_was_ordered_to_remove_is_revoked_above_that",
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
    Mutant(
        "an alert that its service has forgotten never ends",
        (
            Change(
                f"{ALERTING}/use_cases/folding.py",
                "                await fold_events(tx, await _not_listed(tx, listing, now), service, now)\n",
                "                pass\n",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_telling.py", "test_an_alert_that_its_service_no_longer_lists_is_resolved"),
    ),
    Mutant(
        "an alert that nobody lists is ended by a list",
        (
            Change(
                f"{ALERTING}/storage/alerts.sql",
                "WHERE status = 'firing' AND listed AND service = $1",
                "WHERE status = 'firing' AND service = $1",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_telling.py", "test_an_alert_that_its_service_no_longer_lists_is_resolved"),
    ),
)
