"""Mistakes in whose notices count, and for what."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
INGESTER = "services/ingester/src/ingester"
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
        at(REQUESTS, "test_a_notice_of_the_feed_revokes_also_where_an_unknown_sender_used_its_id_before"),
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
        at(REQUESTS, "test_an_unknown_sender_sets_back_no_clock"),
    ),
    Mutant(
        "notice answered by an order that only withholds",
        (
            Change(
                f"{INGESTER}/storage/notices.py",
                "if isinstance(order, ArticleRevoked)",
                'if hasattr(order, "notice_ids")',
            ),
        ),
        at(
            "services/ingester/tests/integration/test_notices.py",
            "test_an_order_that_only_withholds_the_article_closes_no_notice",
        ),
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
        at(REQUESTS, "test_what_is_left_of_a_request_counts_while_it_is_carried_out"),
    ),
)
