"""Known mistakes of the ingester."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
INGESTER_TESTS = "services/ingester/tests"
RULES = f"{INGESTER_TESTS}/integration/test_rules.py"
NOTICES = f"{INGESTER_TESTS}/integration/test_notices.py"
POLLS = f"{INGESTER_TESTS}/integration/test_polls.py"
API = f"{INGESTER_TESTS}/integration/test_http_api.py"
LOST = at(
    "tests/resilience/test_node_loss.py",
    "test_a_lost_node_is_replaced_within_30_seconds_and_changes_nothing_when_it_is_back",
)
FEEDS = "services/ingester/src/ingester/storage/feeds.sql"
INGESTER_INTEGRATION = "services/ingester/tests/integration"

MUTANTS = (
    Mutant(
        "upsert that resets the revocation",
        (
            Change(
                f"{INGESTER}/storage/articles.sql",
                "(SELECT later AND a.state <> 'revoked'\n",
                "(SELECT later\n",
            ),
        ),
        at(
            RULES,
            "test_a_revoked_article_is_removed_and_never_stored_again",
            "test_any_sequence_of_versions_and_orders_follows_the_rules",
        ),
    ),
    Mutant(
        "revocation before its article lost",
        (
            Change(
                f"{INGESTER}/storage/articles.sql",
                "FROM unnest($1::text[]) AS n (article_id) ORDER BY article_id\nON CONFLICT (article_id) DO UPDATE "
                "SET updated_at = a.updated_at WHERE false",
                "FROM unnest($1::text[]) AS n (article_id) JOIN article USING (article_id) ORDER BY article_id\n"
                "ON CONFLICT (article_id) DO UPDATE SET updated_at = a.updated_at WHERE false",
            ),
            Change(
                f"{INGESTER}/use_cases/orders.py",
                "    rows = fold_all(heads, (one.value for one in batch), confirmed=confirmed)\n",
                "    batch = [one for one in batch if one.value.article_id in heads]\n"
                "    rows = fold_all(heads, (one.value for one in batch), confirmed=confirmed)\n",
            ),
        ),
        at(RULES, "test_an_article_revoked_before_it_arrives_is_not_stored"),
    ),
    Mutant(
        "content removed before its row is locked",
        (
            Change(
                f"{INGESTER}/use_cases/orders.py",
                "    heads = await articles.lock_or_create(tx, sorted(traces), now)\n",
                "    early = await contents.remove(tx, await articles.months(tx, sorted(traces)))\n"
                "    heads = await articles.lock_or_create(tx, sorted(traces), now)\n",
            ),
            Change(
                f"{INGESTER}/use_cases/orders.py",
                "removed = await contents.remove(tx, await articles.months(tx, removing))",
                "removed = early",
            ),
        ),
        at(RULES, "test_of_articles_published_and_revoked_concurrently_none_remains"),
    ),
    Mutant(
        "old text after a reinstatement accepted",
        (
            Change(
                f"{INGESTER}/storage/articles.sql",
                "(SELECT a.source_order IS NULL\n",
                "(SELECT a.source_order IS NULL OR a.order_no > 0\n",
            ),
        ),
        at(RULES, "test_after_a_reinstatement_an_old_text_is_refused_and_a_newer_one_is_stored"),
    ),
    Mutant(
        "notice forgotten after it was sent once",
        (
            Change(
                f"{INGESTER}/storage/notices.sql",
                "$5::timestamptz + $10::interval",
                "CASE WHEN $10::interval > interval '0' THEN 'infinity'::timestamptz END",
            ),
        ),
        at(NOTICES, "test_a_notice_is_sent_at_once_and_again_after_1_5_and_15_minutes_then_hourly"),
    ),
    Mutant(
        "cursor moved on failure",
        (
            Change(
                f"{INGESTER}/storage/feeds.sql",
                "UPDATE feed SET state = $2, state_reason = $3,",
                "UPDATE feed SET cursor = NULL, state = $2, state_reason = $3,",
            ),
        ),
        at(POLLS, "test_a_failing_provider_moves_no_cursor_and_is_never_reported_as_an_empty_result"),
    ),
    Mutant(
        "cursor moved before its page is stored",
        (
            Change(
                f"{INGESTER}/use_cases/polling.py",
                "    result = await store(service, usable, source=feed.name, bad=bad, steps=[step])",
                "    async with service.db.transaction() as tx:\n        await beside(tx)\n"
                "    result = await store(service, usable, source=feed.name, bad=bad)",
            ),
        ),
        at(POLLS, "test_a_page_that_cannot_be_stored_does_not_move_the_cursor"),
    ),
    Mutant(
        "unreadable answer read as zero",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/wire.py",
                "    if name not in answer.lists:\n        raise UnreadableAnswer(Unreadable.NO_LIST, name)\n",
                "    if name not in answer.lists:\n        return ()\n",
            ),
        ),
        (f"{INGESTER_TESTS}/unit/feeds/test_revoked_page.py", f"{INGESTER_TESTS}/unit/feeds/test_answers.py"),
    ),
    Mutant(
        "receipt without removal",
        (
            Change(
                f"{INGESTER}/use_cases/orders.py",
                "removed = await contents.remove(tx, await articles.months(tx, removing))",
                "removed = set(await articles.months(tx, removing))",
            ),
        ),
        at(RULES, "test_a_receipt_is_sent_only_with_the_removal_that_it_reports"),
    ),
    Mutant(
        "holdings answered from the guard",
        (
            Change(
                f"{INGESTER}/storage/contents.sql",
                "AND article_id = a.article_id OFFSET 0\n",
                "AND article_id = a.article_id AND a.state <> 'revoked' OFFSET 0\n",
            ),
        ),
        at(API, "test_holdings_are_read_from_the_content_and_not_from_the_identity_row"),
    ),
    Mutant(
        "a page of a feed that a former holder of its lease stores",
        (
            Change(
                FEEDS,
                "    WHERE name = $1 AND lease_poll = $2\n    RETURNING name",
                "    WHERE name = $1\n    RETURNING name",
            ),
        ),
        LOST,
    ),
    Mutant(
        "a lease of a feed that never expires",
        (
            Change(
                FEEDS,
                "WHERE name = $1 AND (lease_until IS NULL OR lease_until < clock_timestamp())\n  AND ($4",
                "WHERE name = $1 AND lease_until IS NULL\n  AND ($4",
            ),
        ),
        LOST,
    ),
    Mutant(
        "article version counted from the row alone",
        (
            Change(
                f"{INGESTER}/storage/articles.sql",
                "d.source_position,\n       floor(extract(epoch FROM $6::timestamptz) * 1000)::bigint,\n",
                "d.source_position,\n       1,\n",
            ),
        ),
        at(
            f"{INGESTER_INTEGRATION}/test_rules.py",
            "test_a_version_that_a_restored_database_lost_is_not_assigned_again",
        ),
    ),
    Mutant(
        "published when this replica's own partitions are applied",
        (
            Change(
                f"{INGESTER}/use_cases/publishing.py",
                "    await service.orders_applied()\n    return await",
                "    return await",
            ),
        ),
        at(
            f"{INGESTER_INTEGRATION}/test_worker.py",
            "test_nothing_is_published_before_the_orders_of_all_partitions_are_applied",
        ),
    ),
    Mutant(
        "notice answered by another article's order",
        (
            Change(
                f"{INGESTER}/storage/notices.sql",
                "WHERE notice.notice_id = o.notice_id AND notice.article_id = o.article_id AND answered_at IS NULL",
                "WHERE notice.notice_id = o.notice_id AND answered_at IS NULL",
            ),
        ),
        at(
            "services/ingester/tests/integration/test_notices.py",
            "test_an_order_on_another_article_closes_no_notice_even_if_it_cites_one",
        ),
    ),
    Mutant(
        "a webhook's body hashed once a signature",
        (
            Change(
                "services/ingester/src/ingester/entrypoints/http/webhooks.py",
                "            hmac.compare_digest(expected, signature)\n"
                "            for expected in [_digest(secret, signed) for secret in self._secrets]\n"
                "            for signature in self._signatures\n",
                "            hmac.compare_digest(_digest(secret, signed), signature)\n"
                "            for secret in self._secrets\n"
                "            for signature in self._signatures\n",
            ),
        ),
        at(
            "services/ingester/tests/unit/test_webhooks.py",
            "test_a_body_is_hashed_once_per_secret_however_many_signatures_are_sent",
        ),
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
        "too old is answered as accepted",
        (
            Change(
                "services/ingester/src/ingester/entrypoints/http/bodies.py",
                "        if not article_ids:\n",
                "        if True:\n",
            ),
        ),
        at(
            "services/ingester/tests/integration/test_http_api.py",
            "test_an_article_older_than_the_retention_floor_is_returned_as_refused",
        ),
    ),
)
