"""Known mistakes of the common library."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
BUS = f"{COMMON_TESTS}/test_bus.py"
INGESTER_TESTS = "services/ingester/tests"
RULES = f"{INGESTER_TESTS}/integration/test_rules.py"
OUTBOX = f"{COMMON_TESTS}/test_outbox.py"
WORKER = f"{COMMON_TESTS}/test_worker.py"
OFFSETS = f"{COMMON_TESTS}/test_bus_offsets.py"
TESTS = "services/ingester/tests/integration"
NEWEST = f"{TESTS}/test_version_order.py"
CLIENTS = "tests/clients/test_clients.py"
COSTS = "libs/common/tests/unit/test_http_costs.py"
ALERTING_TESTS = "services/alerting/tests"

MUTANTS = (
    Mutant(
        "records that the client skipped are committed",
        (
            Change(
                f"{COMMON}/kafka/subscriber.py",
                "ensure_future(consumer.commit(mine))",
                "ensure_future(consumer.commit())",
            ),
        ),
        at(WORKER, "test_a_worker_overtaken_by_retention_ends_instead_of_skipping_records"),
    ),
    Mutant(
        "commit before processing",
        (
            Change(
                f"{COMMON}/kafka/subscriber.py",
                "ack_policy=AckPolicy.NACK_ON_ERROR,",
                "ack_policy=AckPolicy.ACK_FIRST,",
            ),
            Change(f"{COMMON}/kafka/bus.py", "        refuse_commit_first(self._broker)\n", ""),
        ),
        at(
            BUS,
            "test_a_failed_batch_is_redelivered_and_nothing_of_it_is_committed",
            "test_the_batch_of_a_dead_process_is_redelivered_to_the_next",
        ),
    ),
    Mutant(
        "swallowed poison",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "            await self._quarantine(bad, progress)\n        if good:",
                "            _log.warning('bad records', count=len(bad))\n        if good:",
            ),
        ),
        at(BUS, "test_a_bad_record_among_good_ones_is_quarantined_alone_and_reported_once"),
    ),
    Mutant(
        "repeated order not answered",
        (
            Change(
                f"{COMMON}/messaging/answers.py",
                "if row.covers(order) and addressed(order, holder):",
                "if row.covers(order) and addressed(order, holder) and order.order > row.before.order_no:",
            ),
        ),
        at(RULES, "test_a_resent_order_gets_another_receipt"),
    ),
    Mutant(
        "outbox read by id > alone",
        (
            Change(
                f"{COMMON}/messaging/outbox/relay.py",
                'self._sent_up_to = 0 if again else batch.rows[-1]["id"]',
                'self._sent_up_to = batch.rows[-1]["id"]',
            ),
            Change(
                f"{COMMON}/messaging/outbox/relay.py",
                "            if self._sent_up_to:\n",
                "            if False:\n",
            ),
        ),
        at(OUTBOX, "test_a_row_committed_late_is_sent_by_the_relay_that_sent_the_others"),
    ),
    Mutant(
        "dead letter that carries content",
        (
            Change(
                f"{COMMON}/messaging/quarantine.py",
                "        detail=bad.error.detail[:TEXT_CHARS_MAX],\n        quarantine_id",
                '        detail=(bad.value or b"").decode(errors="replace")[:500],\n        quarantine_id',
            ),
        ),
        at(BUS, "test_a_dead_letter_contains_no_content"),
    ),
    Mutant(
        "offsets of a log that was wiped believed",
        (
            Change(
                f"{COMMON}/kafka/subscriber.py",
                "committed is not None and stored <= end[place]",
                "(committed := stored if committed is None else committed) is not None and stored <= end[place]",
            ),
        ),
        at(OFFSETS, "test_after_a_log_was_deleted_nothing_of_the_new_one_is_skipped"),
    ),
    Mutant(
        "a dead letter is as new as its second try",
        (
            Change(
                "libs/common/src/clawback_common/messaging/quarantine.sql",
                "       coalesce(arrived_at, set_aside_at) AS arrived_at\n",
                "       now() AS arrived_at\n",
            ),
        ),
        at(
            NEWEST,
            "test_a_retried_dead_letter_does_not_replace_a_later_text",
            "test_a_retried_webhook_item_does_not_replace_a_later_text",
        ),
    ),
    Mutant(
        "records compressed with what not every client reads",
        (
            Change(
                f"{COMMON}/config/settings.py",
                '"lz4", "zstd"] = "none"\n',
                '"lz4", "zstd"] = "zstd"\n',
            ),
        ),
        at(CLIENTS, "test_a_client_with_its_default_settings_reads_our_articles"),
    ),
    Mutant(
        "an unknown query parameter ignored",
        (Change(f"{COMMON}/http/routing.py", "            require_known(request, self.query_names)\n", ""),),
        at(
            "libs/common/tests/unit/test_http.py",
            "test_an_unknown_query_parameter_is_refused_and_named",
        ),
    ),
    Mutant(
        "a body read before the key is checked",
        (
            Change(
                f"{COMMON}/http/routing.py", "                gate.admit(request)\n", "                pass\n"
            ),
        ),
        at(COSTS, "test_a_body_is_not_read_before_the_key_is_checked"),
    ),
    Mutant(
        "half-open requests kept for ever",
        (Change(f"{COMMON}/http/protocol.py", "        if arriving is not None:\n", "        if False:\n"),),
        at(COSTS, "test_a_request_that_does_not_arrive_in_time_is_closed"),
    ),
    Mutant(
        "record of any sender on our own topic",
        (
            Change(
                f"{COMMON}/kafka/authentication.py",
                "        if sender is None or sender.subject not in known.signers:\n",
                "        if sender is None:\n",
            ),
        ),
        at(
            "libs/common/tests/unit/test_authentication.py",
            "test_an_order_is_accepted_from_compliance_only",
        ),
    ),
    Mutant(
        "event id of any sender",
        (
            Change(
                f"{COMMON}/kafka/envelope.py",
                '        return self.sender.subject if self.sender else "", self.event_id\n',
                '        return "", self.event_id\n',
            ),
        ),
        at(
            f"{ALERTING_TESTS}/integration/test_notifications.py",
            "test_an_alert_is_not_suppressed_by_a_record_with_the_same_event_id",
        ),
    ),
)
