"""Mistakes in what other teams rely on: what their clients can read, and what they learn."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests"
CLIENTS = "tests/clients/test_clients.py"

MUTANTS = (
    Mutant(
        "records compressed with what not every client reads",
        (
            Change(
                f"{COMMON}/settings.py",
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
                'hashlib.sha256("\\x1f".join(said).encode()).digest()',
                'hashlib.sha256(b"").digest()',
            ),
        ),
        at(
            f"{COMPLIANCE_TESTS}/integration/test_receipts.py",
            "test_what_closes_an_obligation_is_among_the_receipts_of_the_article",
            "test_an_answer_that_is_completed_under_the_same_id_is_recorded_as_it_was_completed",
        ),
    ),
)
