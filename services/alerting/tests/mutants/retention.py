"""Known mistakes about what is counted, notified, swept and held."""

from tests.mutants.mutant import Change, Mutant, at

ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests/integration"

MUTANTS = (
    Mutant(
        "two mails for one alert",
        (
            Change(
                f"{ALERTING}/storage/messages.sql",
                "      AND (leased_until IS NULL OR leased_until <= clock_timestamp())\n",
                "",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_notifications.py", "test_two_workers_notify_once"),
    ),
    Mutant(
        "an event that is notified again when it is redelivered",
        (
            Change(
                f"{ALERTING}/use_cases/folding.py",
                "        if one.identity in new:\n",
                "        if one:\n",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_run_alerts.py", "test_a_run_received_twice_is_notified_once"),
    ),
    Mutant(
        "alert lost when the channel is down",
        (
            Change(
                f"{ALERTING}/use_cases/sending.py",
                "                await messages.failed(tx, claimed, again_at, error)\n",
                "                await messages.sent(tx, claimed.message_id, now)\n",
            ),
        ),
        at(
            f"{ALERTING_TESTS}/test_channels.py",
            "test_a_message_is_retried_after_1_5_and_15_minutes_and_then_hourly",
        ),
    ),
    Mutant(
        "overdue noticed only by the job itself",
        (
            Change(
                f"{ALERTING}/use_cases/runs.py",
                "        await _check_age(tx, service, service.clock.now())\n",
                "        await watches.load(tx, service.clock.now())\n",
            ),
        ),
        at(
            f"{ALERTING_TESTS}/test_run_alerts.py",
            "test_an_overdue_run_is_sent_by_mail_and_sms_within_five_minutes_of_hour_25",
        ),
    ),
)
