"""Known mistakes about consumer lanes: what stops one, what quarantine keeps, and where a lane resumes."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
LANES = f"{COMMON_TESTS}/test_bus_lanes.py"
SUBMISSIONS = "services/ingester/tests/integration/test_submission_quarantine.py"
QUARANTINE = f"{COMMON_TESTS}/test_quarantine.py"

MUTANTS = (
    Mutant(
        "trace context passed on as it came",
        (
            Change(
                f"{COMMON}/kafka/decode.py",
                "valid_traceparent(headers.get(TRACEPARENT)),",
                "headers.get(TRACEPARENT),",
            ),
            Change(
                f"{COMMON}/messaging/quarantine.py",
                'valid_traceparent(bad.headers.get("traceparent")),',
                'bad.headers.get("traceparent"),',
            ),
        ),
        at(LANES, "test_an_invalid_trace_context_is_not_propagated"),
    ),
    Mutant(
        "names of headers stored as they came, and no last resort",
        (
            Change(f"{COMMON}/messaging/quarantine.py", "kept = {_storable(name): ", "kept = {name: "),
            Change(
                f"{COMMON}/kafka/handling.py",
                "                await self._quarantine_minimal(bads[0], progress, error)\n                return\n",
                "                raise\n",
            ),
        ),
        at(LANES, "test_a_refused_record_is_quarantined_whatever_its_headers_are"),
    ),
    Mutant(
        "no last resort for a record that cannot be quarantined whole",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "                await self._quarantine_minimal(bads[0], progress, error)\n                return\n",
                "                raise\n",
            ),
        ),
        at(LANES, "test_a_record_that_cannot_be_stored_leaves_its_position_and_reason"),
    ),
    Mutant(
        "event id without a bound",
        (
            Change(
                f"{COMMON}/kafka/decode.py",
                'if len(ce_id) > EVENT_ID_CHARS_MAX or "\\0" in ce_id:',
                "if False:",
            ),
        ),
        at(LANES, "test_an_event_id_that_is_too_long_for_an_index_is_refused"),
    ),
    Mutant(
        "unexpected error repeats its batch for ever",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "        except Exception as error:  # noqa: BLE001 - the record that causes any error is ",
                "        except Poison as error:  # ",
            ),
        ),
        at(
            LANES,
            "test_a_record_that_fails_unexpectedly_is_quarantined_with_an_incident",
            "test_a_record_that_the_database_rejects_is_quarantined_and_the_others_are_handled",
        ),
    ),
    Mutant(
        "broken service quarantines everything",
        (Change(f"{COMMON}/kafka/handling.py", "return self._alike[kind] < limit", "return True"),),
        at(
            LANES,
            "test_a_broken_service_stalls_raises_an_alert_and_resumes_when_fixed",
            "test_single_records_are_quarantined_until_five_in_a_row_have_failed",
        ),
    ),
    Mutant(
        "full disk blamed on the record",
        (Change(f"{COMMON}/postgres/pool.py", '"40", "53", "55"', '"40", "55"'),),
        at(
            f"{COMMON_TESTS}/test_database.py",
            "test_the_class_of_the_sqlstate_decides_the_error",
        ),
    ),
    Mutant(
        "takedown finds a record by its key alone",
        (
            Change(
                f"{COMMON}/subjects.py",
                "dict.fromkeys([*in_key, *in_body])",
                "dict.fromkeys(in_key or in_body)",
            ),
        ),
        at(SUBMISSIONS, "test_a_takedown_purges_a_submission_that_arrived_under_another_key"),
    ),
    Mutant(
        "record quarantined beside the takedown of its article",
        (
            Change(
                f"{COMMON}/messaging/quarantine.py",
                '    await tx.execute(SQL["lock_subjects"], subjects)\n    refused',
                "    refused",
            ),
        ),
        at(QUARANTINE, "test_a_record_quarantined_while_its_article_is_revoked_keeps_no_bytes"),
    ),
    Mutant(
        "own offsets not moved past what is quarantined",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "            if self.subscription.own_offsets:\n                await offsets.move",
                "            if False:\n                await offsets.move",
            ),
        ),
        at(LANES, "test_own_offsets_move_past_quarantined_records"),
    ),
    Mutant(
        "own offsets moved past what is not dealt with",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "progress.positioned(batch) if self.subscription.own_offsets else batch",
                "batch",
            ),
        ),
        at(LANES, "test_own_offsets_never_pass_an_unprocessed_record"),
    ),
    Mutant(
        "articles do not give way to orders",
        (
            Change(
                f"{COMMON}/service/priority.py",
                "        if self.active:\n",
                "        if not self.in_hand:\n",
            ),
        ),
        at(
            "libs/common/tests/unit/test_priority.py",
            "test_content_is_slowed_down_during_urgent_work_and_for_a_moment_after",
        ),
    ),
    Mutant(
        "an order in hand is nobody's hurry",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "nullcontext() if self.subscription.content else self._context.priority.urgent()",
                "nullcontext()",
            ),
        ),
        at(LANES, "test_articles_are_delayed_by_an_order_and_continue"),
    ),
    Mutant(
        "what the priority lane sends is nobody's hurry",
        (Change(f"{COMMON}/messaging/outbox/priority.py", "urgent=True", "urgent=False"),),
        at(
            f"{COMMON_TESTS}/test_outbox.py",
            "test_sending_the_priority_lane_is_urgent_and_delays_the_bulk_lane",
        ),
    ),
    Mutant(
        "the relay of the bulk lane yields to nobody",
        (
            Change(
                f"{COMMON}/service/worker.py",
                "return self._relay(bulk.lane(publish), producer, self.spec.bulk_outbox, ending)",
                "return Relay(bulk.lane(publish), self._db, producer, self._clock)",
            ),
        ),
        at(f"{COMMON_TESTS}/test_worker.py", "test_all_lanes_of_a_worker_share_one_priority"),
    ),
)
