"""Mistakes in which of two texts is the newer one, and in what a feed's state means."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
TESTS = "services/ingester/tests/integration"
NEWEST = f"{TESTS}/test_version_order.py"
POLLS = f"{TESTS}/test_polls.py"

MUTANTS = (
    Mutant(
        "a record read again is as new as its handling",
        (
            Change(
                f"{INGESTER}/domain/article.py",
                "    return Arrival(timestamp_ms * 1000, offset)\n",
                "    return Arrival((now - EPOCH) // MICROSECOND, offset)\n",
            ),
        ),
        at(NEWEST, "test_a_redelivered_record_does_not_replace_a_later_text"),
    ),
    Mutant(
        "offsets within a millisecond compared by what they leave when divided",
        (
            Change(
                f"{INGESTER}/domain/article.py",
                "    return Arrival(timestamp_ms * 1000, offset)\n",
                "    return Arrival(timestamp_ms * 1000 + offset % 1000)\n",
            ),
        ),
        at(NEWEST, "test_within_a_millisecond_of_the_broker_the_offset_decides"),
    ),
    Mutant(
        "offsets within a millisecond compared within a batch alone",
        (
            Change(
                f"{INGESTER}/storage/articles.sql",
                "(excluded.source_order, excluded.source_position) > (a.source_order, a.source_position)",
                "excluded.source_order > a.source_order",
            ),
        ),
        at(NEWEST, "test_within_a_millisecond_of_the_broker_the_offset_decides"),
    ),
    Mutant(
        "an item of a body is as new as its place in it",
        (
            Change(
                f"{INGESTER}/domain/article.py",
                "        Delivery.of(article, Arrival(at_us, n), traceparent, event_id)\n",
                "        Delivery.of(article, Arrival(at_us + n), traceparent, event_id)\n",
            ),
        ),
        at(NEWEST, "test_a_body_with_many_items_is_older_than_a_later_body"),
    ),
    Mutant(
        "a licence that ends again is no new notice",
        (
            Change(
                f"{INGESTER}/use_cases/notices.py",
                'event_id("licence", row["article_id"], row["licence_ends_at"], row["order_no"])',
                'event_id("licence", row["article_id"], row["licence_ends_at"])',
            ),
        ),
        at(
            f"{TESTS}/test_notices.py",
            "test_a_licence_that_ends_again_after_a_reinstatement_revokes_again",
        ),
    ),
    Mutant(
        "a feed that was removed stops publication",
        (
            Change(
                f"{INGESTER}/use_cases/publishing.py",
                'row["kind"] == "revoked" and row["name"] in service.feeds',
                'row["kind"] == "revoked"',
            ),
        ),
        at(POLLS, "test_a_feed_of_revocations_that_was_removed_or_renamed_stops_no_publication"),
    ),
    Mutant(
        "a failing feed reported only when it is polled again",
        (
            Change(
                f"{INGESTER}/domain/condition.py",
                'if feed.state == "failing" and now - feed.state_since >= FAILING_MAX:',
                'if feed.state == "failing" and now - feed.state_since >= 20 * FAILING_MAX:',
            ),
        ),
        at(POLLS, "test_a_failing_feed_and_its_recovery_are_reported_by_time"),
    ),
)
