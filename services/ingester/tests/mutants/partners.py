"""Mistakes in what other teams rely on: what their clients can read, and what they learn."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
STATUS = "services/ingester/tests/integration/test_submission_status.py"

MUTANTS = (
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
        "an unknown field lost in silence",
        (Change(f"{INGESTER}/entrypoints/http/bodies.py", ', extra="forbid")', ")"),),
        at(
            "services/ingester/tests/integration/test_bodies.py",
            "test_an_unknown_field_rejects_only_its_item_and_is_named",
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
