"""Known mistakes about what is counted, notified, swept and held."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
INGESTER_SWEEPS = "services/ingester/tests/integration/test_sweep.py"

MUTANTS = (
    Mutant(
        "sweep that forgets a tombstone",
        (
            Change(
                f"{INGESTER}/storage/sweeps.sql",
                "    WHERE NOT a.ever_published AND a.retention_date",
                "    WHERE a.retention_date",
            ),
        ),
        at(INGESTER_SWEEPS, "test_old_documents_are_deleted_and_published_ids_stay"),
    ),
    Mutant(
        "sweep that spares the revoked",
        (
            Change(
                f"{INGESTER}/storage/sweeps.py",
                '    await tx.execute(SQL["lock"], ids)\n    await tx.execute(SQL["hold"], dates, ids, now)\n',
                '    await tx.execute(SQL["hold"], dates, ids, now)\n',
            ),
        ),
        at(INGESTER_SWEEPS, "test_an_article_revoked_while_it_is_copied_is_not_held"),
    ),
    Mutant(
        "hold that stops a takedown",
        (
            Change(
                f"{INGESTER}/storage/contents.sql",
                "    DELETE FROM article_held WHERE article_id = ANY ($2::text[]) RETURNING article_id\n",
                "    SELECT article_id FROM article_held WHERE article_id = ANY ($2::text[])\n",
            ),
        ),
        at(INGESTER_SWEEPS, "test_a_held_article_is_not_swept_stays_readable_and_can_be_taken_down"),
    ),
    Mutant(
        "hold ignored by the ingester",
        (
            Change(
                f"{INGESTER}/storage/retention.py",
                "        if not held.ids and not held.spans:\n",
                "        if held:\n",
            ),
        ),
        at(INGESTER_SWEEPS, "test_a_held_article_is_not_swept_stays_readable_and_can_be_taken_down"),
    ),
)
