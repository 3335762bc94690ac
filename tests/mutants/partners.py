"""Mistakes in what other teams rely on: what their clients can read, and what they learn."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
INGESTER = "services/ingester/src/ingester"
STATUS = "services/ingester/tests/integration/test_submission_status.py"
COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests"
CLIENTS = "tests/clients/test_clients.py"

MUTANTS = (
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
        "an answer that differs is recorded once an attempt",
        (
            Change(
                f"{COMPLIANCE}/domain/obligation.py",
                'hashlib.sha256("\\x1f".join(parts).encode()).digest()',
                'hashlib.sha256(b"").digest()',
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_receipts.py",
            "test_what_closes_an_obligation_is_among_the_receipts_of_the_article",
            "test_an_answer_that_is_completed_under_the_same_id_is_recorded_as_it_was_completed",
        ),
    ),
    Mutant(
        "what result of a record told to any upstream system",
        (
            Change(
                f"{INGESTER}/entrypoints/http/submissions.py",
                "    return source in topics and (own or set(topics[source]) == caller.providers)\n",
                "    return source in topics\n",
            ),
        ),
        at(STATUS, "test_a_record_of_one_sender_is_unknown_to_another"),
    ),
    Mutant(
        "what result of a notice told to any licensor",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/notice_status.py",
                "    return _helps(caller) or one.noticed_by in names\n",
                "    return True\n",
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_notice_status.py",
            "test_what_one_sender_sent_is_unknown_to_another",
        ),
    ),
    Mutant(
        "an unknown field lost in silence",
        (Change(f"{INGESTER}/entrypoints/http/bodies.py", ', extra="forbid")', ")"),),
        at(
            "services/ingester/tests/integration/test_bodies.py",
            "test_an_unknown_field_rejects_only_its_item_and_is_named",
        ),
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
        "a revoked article answered as accepted",
        (
            Change(
                f"{INGESTER}/entrypoints/http/submissions.py",
                "    taken = validated.without(await articles.revoked(service.db, ids), REVOKED)\n",
                "    taken = validated if ids else validated\n",
            ),
        ),
        at(STATUS, "test_submitting_a_revoked_article_reports_that_it_is_not_stored"),
    ),
    Mutant(
        "a record on its way to the broker called published",
        (
            Change(
                f"{INGESTER}/domain/submission.py",
                "    held_back = standing.waiting or standing.noticed or standing.failed\n",
                "    held_back = standing.noticed or standing.failed\n",
            ),
        ),
        at(STATUS, "test_a_stored_record_is_published_when_the_broker_has_it"),
    ),
)
