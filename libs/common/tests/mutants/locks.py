"""Known mistakes about leases, fencing tokens and peers that are lost without a word."""

from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
FROZEN = "libs/common/tests/integration/test_frozen.py"
OUTBOX = "libs/common/tests/integration/test_outbox.py"
LEASES = "libs/common/tests/integration/test_leases.py"
LOST = at(
    "tests/resilience/test_node_loss.py",
    "test_a_lost_node_is_replaced_within_30_seconds_and_changes_nothing_when_it_is_back",
)

MUTANTS = (
    Mutant(
        "a lease that never expires",
        (Change(f"{COMMON}/service/leases.sql", "AND (until <= clock_timestamp()\n           OR ", "AND ("),),
        at(FROZEN, "test_a_frozen_relay_blocks_nobody_and_marks_nothing_when_it_resumes"),
    ),
    Mutant(
        "a relay that marks without its lease",
        (
            Change(
                f"{COMMON}/messaging/outbox/priority.sql",
                "WHERE o.id = s.id AND EXISTS (SELECT FROM fence)\n",
                "WHERE o.id = s.id\n",
            ),
        ),
        at(OUTBOX, "test_a_relay_that_lost_its_lease_while_it_sent_marks_nothing"),
    ),
    Mutant(
        "a transaction that does not check its fence",
        (
            Change(
                f"{COMMON}/postgres/pool.py",
                "                    if fence is not None:\n                        await fence(transaction)\n",
                "",
            ),
        ),
        at(LEASES, "test_every_statement_within_a_fence_checks_the_lease"),
    ),
    Mutant(
        "a fencing token checked without a lock",
        (Change(f"{COMMON}/service/leases.sql", " AND holder = $3 FOR KEY SHARE", " AND holder = $3"),),
        at(LEASES, "test_it_cannot_be_acquired_during_a_transaction_of_its_holder"),
    ),
    Mutant(
        "a killed process whose lease must expire",
        (
            Change(
                f"{COMMON}/service/leases.sql",
                "           OR holder IS NOT NULL AND pg_try_advisory_xact_lock"
                "(hashtext(name), (token % 2147483647)::int))",
                "          )",
            ),
        ),
        at(LEASES, "test_it_is_free_at_once_when_the_session_of_its_holder_ends"),
    ),
    Mutant(
        "a lost peer that nobody notices",
        (Change(f"{COMMON}/postgres/pool.py", ", **_SERVER_SETTINGS}", "}"),),
        at(FROZEN, "test_a_server_and_a_client_detect_a_lost_peer_within_30_seconds"),
    ),
    Mutant(
        "a leader whose work is not fenced",
        (
            Change(
                f"{COMMON}/service/leases.py",
                "            with self.lease.fence():\n                try:",
                "            with suppress(LeaseLost):\n                try:",
            ),
        ),
        LOST,
    ),
)
