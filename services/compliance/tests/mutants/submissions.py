"""Mistakes in whose notices count, and for what."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
REQUESTS = "services/compliance/tests/integration/test_requests.py"

MUTANTS = (
    Mutant(
        "notice of the feed known by the forged one of its identity",
        (
            Change(
                f"{COMPLIANCE}/storage/notices.py",
                'and not by_key[key := (row["notice_id"], row["article_id"])].outranks(\n'
                '            row["noticed_by"], withholds=row["withholds"]\n        )',
                'and by_key[key := (row["notice_id"], row["article_id"])].key',
            ),
        ),
        at(REQUESTS, "test_a_feeds_notice_revokes_even_if_an_unknown_sender_used_its_id_before"),
    ),
    Mutant(
        "clock set back by whoever may not revoke",
        (
            Change(
                f"{COMPLIANCE}/domain/order.py",
                "counted = [notice for notice in new if notice.allowed]",
                "counted = list(new)",
            ),
        ),
        at(REQUESTS, "test_an_unknown_sender_cannot_shorten_a_deadline"),
    ),
    Mutant(
        "request that is being carried out uses no limit",
        (
            Change(
                f"{COMPLIANCE}/storage/notices.sql",
                "AND made_by = $1 AND kind = 'revoke' AND NOT needs_approval)",
                "AND made_by = $1 AND kind = 'revoke' AND false)",
            ),
        ),
        at(REQUESTS, "test_the_rest_of_a_request_in_progress_counts_towards_the_limit"),
    ),
)
