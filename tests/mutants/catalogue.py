"""The known mistakes, each as a change of the source and the tests that must catch it.

A change that no longer fits the source is an error of this catalogue: change it together with the code that it names.
"""

import importlib
import pkgutil
from collections.abc import Iterator

import tests.mutants
from tests.mutants.mutant import Change, Mutant, at

COMMON = "libs/common/src/clawback_common"
COMMON_TESTS = "libs/common/tests/integration"
INGESTER = "services/ingester/src/ingester"
INGESTER_TESTS = "services/ingester/tests"
COMPLIANCE = "services/compliance/src/compliance"
COMPLIANCE_TESTS = "services/compliance/tests/integration"

BUS = f"{COMMON_TESTS}/test_bus.py"
OFFSETS = f"{COMMON_TESTS}/test_bus_offsets.py"
OUTBOX = f"{COMMON_TESTS}/test_outbox.py"
RULES = f"{INGESTER_TESTS}/integration/test_rules.py"
NOTICES = f"{INGESTER_TESTS}/integration/test_notices.py"
POLLS = f"{INGESTER_TESTS}/integration/test_polls.py"
DOORS = f"{INGESTER_TESTS}/integration/test_http_api.py"
CHECKS = f"{COMPLIANCE_TESTS}/test_checks.py"


_MACHINERY = frozenset({"__main__", "catalogue", "mutant", "planting", "test_catalogue"})


def _of_the_areas() -> Iterator[Mutant]:
    """What the other modules of this folder list, each for an area of the code."""
    for module in sorted(found.name for found in pkgutil.iter_modules(tests.mutants.__path__)):
        if module not in _MACHINERY:
            yield from importlib.import_module(f"tests.mutants.{module}").MUTANTS


MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "commit before processing",
        (
            Change(
                f"{COMMON}/kafka/subscriber.py",
                "ack_policy=AckPolicy.NACK_ON_ERROR,",
                "ack_policy=AckPolicy.ACK_FIRST,",
            ),
            Change(f"{COMMON}/kafka/bus.py", "        refuse_commit_first(self._broker)\n", ""),
        ),
        at(
            BUS,
            "test_a_failed_batch_is_redelivered_and_nothing_of_it_is_committed",
            "test_the_batch_of_a_dead_process_is_redelivered_to_the_next",
        ),
    ),
    Mutant(
        "swallowed poison",
        (
            Change(
                f"{COMMON}/kafka/handling.py",
                "            await self._quarantine(bad, progress)\n        if good:",
                "            _log.warning('bad records', count=len(bad))\n        if good:",
            ),
        ),
        at(BUS, "test_a_bad_record_among_good_ones_is_quarantined_alone_and_reported_once"),
    ),
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
        "repeated order not answered",
        (
            Change(
                f"{COMMON}/messaging/answers.py",
                "if row.covers(order) and addressed(order, holder):",
                "if row.covers(order) and addressed(order, holder) and order.order > row.before.order_no:",
            ),
        ),
        at(RULES, "test_a_resent_order_gets_another_receipt"),
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
        "outbox read by id > alone",
        (
            Change(
                f"{COMMON}/messaging/outbox/relay.py",
                'self._sent_up_to = 0 if again else batch.rows[-1]["id"]',
                'self._sent_up_to = batch.rows[-1]["id"]',
            ),
            Change(
                f"{COMMON}/messaging/outbox/relay.py",
                "            if self._sent_up_to:\n",
                "            if False:\n",
            ),
        ),
        at(OUTBOX, "test_a_row_committed_late_is_sent_by_the_relay_that_sent_the_others"),
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
        "dead letter that carries content",
        (
            Change(
                f"{COMMON}/messaging/quarantine.py",
                "        detail=bad.error.detail[:TEXT_CHARS_MAX],\n        quarantine_id",
                '        detail=(bad.value or b"").decode(errors="replace")[:500],\n        quarantine_id',
            ),
        ),
        at(BUS, "test_a_dead_letter_contains_no_content"),
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
        "a run record only when something was found",
        (
            Change(
                f"{COMPLIANCE}/use_cases/runs.py",
                "        noticed = sum(poll.noticed for poll in polls)\n",
                "        noticed = sum(poll.noticed for poll in polls)\n"
                "        if not noticed:\n            return None\n",
            ),
        ),
        at(CHECKS, "test_a_quiet_day_leaves_a_record"),
    ),
    Mutant(
        "offsets of a log that was wiped believed",
        (
            Change(
                f"{COMMON}/kafka/subscriber.py",
                "committed is not None and stored <= end[place]",
                "(committed := stored if committed is None else committed) is not None and stored <= end[place]",
            ),
        ),
        at(OFFSETS, "test_after_a_log_was_deleted_nothing_of_the_new_one_is_skipped"),
    ),
    Mutant(
        "a reinstatement that spares the old text",
        (
            Change(
                "contracts/src/clawback_contracts/revocation/folding.py",
                "            removes = removes or not keeps_copy(after, order)\n",
                "            removes = removes or status_of(order) is Status.REVOKED\n",
            ),
        ),
        at(RULES, "test_a_reinstatement_whose_revocation_was_skipped_still_removes_the_old_text"),
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
        at(DOORS, "test_holdings_are_read_from_the_content_and_not_from_the_identity_row"),
    ),
    *_of_the_areas(),
)
