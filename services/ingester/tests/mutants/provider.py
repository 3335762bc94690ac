"""Mistakes in how a provider is read: lists that it cuts, its pace, its window, its cursors, its shapes."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
ANSWERS = "services/ingester/tests/unit/feeds/test_answers.py"
INTEGRATION = "services/ingester/tests/integration"
SLICES = f"{INTEGRATION}/test_slices.py"
PAGES = f"{INGESTER}/domain/pages.py"
TRUNCATED = f"{INTEGRATION}/test_truncated_pages.py"
PACE = f"{INTEGRATION}/test_rate_limit.py"
GAPS = f"{INTEGRATION}/test_gaps.py"
CURSOR = f"{INTEGRATION}/test_cursor.py"
REVOKED = "services/ingester/tests/unit/feeds/test_revoked_page.py"
ARTICLES = "services/ingester/tests/unit/feeds/test_articles_page.py"
UNDERSTANDING = f"{INTEGRATION}/test_unparsed_fields.py"

MUTANTS = (
    Mutant(
        "a failure of the provider is read by its status",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/codes.py",
                "    if code is not None and code >= PROVIDER_CODES:\n        return Action.TRANSIENT\n",
                "",
            ),
        ),
        at(ANSWERS, "test_the_code_decides_and_the_status_is_the_fallback"),
    ),
    Mutant(
        "a slice of a feed has the cursor of another one when the base changes",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/source.py",
                "name_of_slice(listed.name, number, slices)",
                "name_of_slice(listed.name, number - first, slices)",
            ),
        ),
        at(SLICES, "test_a_wrong_slice_base_stops_one_slice_and_loses_nothing"),
    ),
    Mutant(
        "a page of revocations that is shorter than asked for is the last one",
        (Change(PAGES, "    if not count:\n", "    if count < sizes.asked:\n"),),
        at(TRUNCATED, "test_all_truncated_revocations_are_read_before_the_feed_is_caught_up"),
    ),
    Mutant(
        "a page of revocations that is shorter than another is the last one",
        (Change(PAGES, "    if not count:\n", "    if not count or count < sizes.largest:\n"),),
        at(TRUNCATED, "test_a_page_of_revocations_that_is_shorter_than_another_is_not_the_last_one"),
    ),
    Mutant(
        "a page of articles that is shorter than asked for is the last one",
        (
            Change(
                PAGES,
                "    if not count or count < sizes.largest:\n",
                "    if not count or count < sizes.asked:\n",
            ),
        ),
        at(TRUNCATED, "test_all_truncated_articles_are_read_before_the_feed_is_caught_up"),
    ),
    Mutant(
        "a page of articles is the last one by what the provider once gave",
        (
            Change(
                PAGES,
                "    if not count or count < sizes.largest:\n",
                "    if not count or count < sizes.largest_ever:\n",
            ),
        ),
        at(TRUNCATED, "test_a_provider_that_returns_smaller_pages_than_before_does_not_count_as_caught_up"),
    ),
    Mutant(
        "a list without a cursor is believed to be whole",
        (
            Change(
                PAGES,
                "    if count < sizes.asked and (next_cursor is not None or unpaged):\n",
                "    if count < sizes.asked:\n",
            ),
        ),
        at(TRUNCATED, "test_a_list_without_a_cursor_is_read_and_never_complete_unless_configured_as_such"),
    ),
    Mutant(
        "a list is complete as of its first page",
        (
            Change(
                f"{INGESTER}/use_cases/polling.py",
                "        complete_as_of=requested_at if page.end is End.COMPLETE else None,\n",
                "        complete_as_of=requested_at,\n",
            ),
        ),
        at(
            TRUNCATED,
            "test_a_list_without_a_cursor_is_read_and_never_complete_unless_configured_as_such",
        ),
    ),
    Mutant(
        "a limit of the provider's own is not noted",
        (
            Change(
                f"{INGESTER}/storage/feeds.sql",
                "WHEN $8 = page_cut THEN pages_cut + 1 ELSE 1 END",
                "ELSE 1 END",
            ),
        ),
        at(TRUNCATED, "test_the_providers_own_limit_is_shown_and_reported_until_it_ends"),
    ),
    Mutant(
        "the pause counts from the beginning of a call",
        (
            Change(
                f"{INGESTER}/storage/feeds.sql",
                "SET next_at = greatest(CASE WHEN next_at = $3::timestamptz THEN '-infinity' ELSE next_at END,\n"
                "                       clock_timestamp() + greatest($2::interval, $4::interval))\n",
                "SET next_at = greatest($3::timestamptz - $2::interval, clock_timestamp() + $4::interval)\n",
            ),
        ),
        at(PACE, "test_the_pause_counts_from_the_end_of_a_call"),
    ),
    Mutant(
        "a rest that the provider asked for is kept by nobody",
        (
            Change(
                f"{INGESTER}/gateways/providers/calls.py",
                "            retry_after_s = error.retry_after_s\n            raise\n",
                "            raise\n",
            ),
        ),
        at(PACE, "test_a_pause_requested_by_the_provider_applies_to_all_feeds_and_outlasts_the_poll"),
    ),
    Mutant(
        "a call that ends shortens the rest of its key",
        (
            Change(
                f"{INGESTER}/storage/feeds.sql",
                "SET next_at = greatest(CASE WHEN next_at = $3::timestamptz THEN '-infinity' ELSE next_at END,\n"
                "                       clock_timestamp()",
                "SET next_at = greatest('-infinity'::timestamptz,\n                       clock_timestamp()",
            ),
        ),
        at(
            PACE,
            "test_a_requested_pause_is_not_shortened_by_a_call_that_ends_later",
            "test_a_call_that_lasted_too_long_does_not_shorten_the_next_turn",
        ),
    ),
    Mutant(
        "what left the window unread is silent",
        (
            Change(
                f"{INGESTER}/use_cases/polling.py",
                "    if lost is not None:\n",
                "    if lost is not None and now < complete_at:\n",
            ),
        ),
        at(
            GAPS,
            "test_articles_that_left_the_window_unread_are_reported_until_a_person_closes_the_incident",
            "test_a_provider_with_a_shorter_window_than_configured_leaves_a_gap_too",
        ),
    ),
    Mutant(
        "every long absence is a gap",
        (
            Change(f"{INGESTER}/domain/gap.py", "oldest.sequence <= int(cursor)", "False"),
            Change(f"{INGESTER}/domain/gap.py", "oldest.at <= complete_at", "False"),
        ),
        at(GAPS, "test_an_outage_within_the_providers_window_leaves_no_gap"),
    ),
    Mutant(
        "a pass under way takes a cursor back that was set by hand",
        (
            Change(
                f"{INGESTER}/storage/feeds.sql",
                "key_digest = $4, lease_poll = NULL, lease_until = NULL, state = 'new',",
                "key_digest = $4, state = 'new',",
            ),
        ),
        at(CURSOR, "test_a_running_poll_does_not_reset_a_cursor_that_a_person_has_set"),
    ),
    Mutant(
        "a cursor that is set skips articles in silence",
        (
            Change(
                f"{INGESTER}/use_cases/cursor.py",
                "    if cursor == former:\n        return True\n",
                "    if cursor != former:\n        return True\n",
            ),
        ),
        at(
            CURSOR,
            "test_the_newest_cursor_skips_entries_and_reports_the_gap",
            "test_a_cursor_can_be_set_and_skipping_ahead_is_a_gap",
        ),
    ),
    Mutant(
        "a cursor of another provider is used",
        (
            Change(
                f"{INGESTER}/use_cases/polling.py",
                "    if leased.endpoint is None:\n",
                "    if leased.endpoint is not None or feed.origin:\n",
            ),
        ),
        at(
            CURSOR,
            "test_a_cursor_of_another_provider_or_key_is_not_used_and_the_feed_starts_again_with_an_alert",
        ),
    ),
    Mutant(
        "an empty page of revocations moves the cursor",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/wire.py",
                "next_cursor if items else None, len(items))",
                "next_cursor and f'{next_cursor}1', len(items))",
            ),
        ),
        at(TRUNCATED, "test_an_empty_page_moves_no_cursor_whatever_its_next_cursor"),
    ),
    Mutant(
        "a revocation without a list around it is not read",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/tree.py",
                '[JsonItem(value)] if "id" in value or (value and name in ENTRIES) else None',
                "None",
            ),
        ),
        at(REVOKED, "test_a_page_with_exactly_one_revocation_is_read_in_every_shape"),
    ),
    Mutant(
        "a number beside an id is taken for an id",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/wire.py",
                "isinstance(tree, str) and item.name in {None, *BARE_IDS}",
                "isinstance(tree, str) and (item.name or True)",
            ),
        ),
        at(REVOKED, "test_an_unexpected_body_is_an_error_and_never_an_empty_result"),
    ),
    Mutant(
        "any text in a list is taken for an id",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/wire.py",
                "    if isinstance(tree, str) and int64(tree) is not None:\n",
                "    if isinstance(tree, str):\n",
            ),
        ),
        at(
            REVOKED,
            "test_a_bare_id_is_a_number_and_any_other_text_is_quarantined",
            "test_an_unexpected_body_is_an_error_and_never_an_empty_result",
        ),
    ),
    Mutant(
        "members under the list's own name are lists of texts",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/tree.py",
                "        again = child.tag == name and len(child)\n",
                "        again = 0\n",
            ),
        ),
        at(ARTICLES, "test_inner_lists_doubled_by_a_converter_are_read"),
    ),
    Mutant(
        "what is not understood is counted by nobody",
        (
            Change(
                f"{INGESTER}/gateways/providers/metabase/fields.py",
                "                unread.append(member)\n                self.not_understood.add(name)\n",
                "                unread.append(member)\n",
            ),
        ),
        at(ARTICLES, "test_an_unreadable_field_is_counted_once_per_article"),
    ),
    Mutant(
        "what is not understood is reported to nobody",
        (
            Change(
                f"{INGESTER}/use_cases/polling.py",
                "        await feeds.note_not_understood(tx, feed.name, page.not_understood, now)\n",
                "",
            ),
        ),
        at(
            UNDERSTANDING,
            "test_a_share_of_articles_with_unreadable_fields_is_reported_with_the_fields_for_a_day",
        ),
    ),
)
