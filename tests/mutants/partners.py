"""Mistakes in what other teams rely on: what their clients can read, and what they learn."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
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
)
