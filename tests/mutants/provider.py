"""Mistakes in how a provider is read: lists that it cuts, its pace, its window, its cursors, its shapes."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
PAGES = f"{INGESTER}/domain/pages.py"
INTEGRATION = "services/ingester/tests/integration"
TRUNCATED = f"{INTEGRATION}/test_truncated_pages.py"

MUTANTS = (
    Mutant(
        "a page of revocations that is shorter than asked for is the last one",
        (Change(PAGES, "    if not count:\n", "    if count < sizes.asked:\n"),),
        at(TRUNCATED, "test_revocations_that_the_provider_cuts_are_all_read_before_the_feed_is_caught_up"),
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
        at(TRUNCATED, "test_articles_that_the_provider_cuts_are_all_read_before_the_feed_is_caught_up"),
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
        at(TRUNCATED, "test_a_provider_that_gives_less_than_it_once_did_does_not_pass_for_caught_up"),
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
        at(
            TRUNCATED, "test_a_list_without_a_cursor_is_read_and_never_complete_unless_a_person_has_stated_so"
        ),
    ),
    Mutant(
        "a list is complete as of its first page",
        (
            Change(
                f"{INGESTER}/inlet/feeds/poll.py",
                "        complete_as_of=asked_at if page.end is End.COMPLETE else None,\n",
                "        complete_as_of=asked_at,\n",
            ),
        ),
        at(
            TRUNCATED,
            "test_a_list_without_a_cursor_is_read_and_never_complete_unless_a_person_has_stated_so",
        ),
    ),
    Mutant(
        "a limit of the provider's own is not noted",
        (
            Change(
                f"{INGESTER}/state/feeds.sql",
                "WHEN $10 = page_cut THEN pages_cut + 1 ELSE 1 END",
                "ELSE 1 END",
            ),
        ),
        at(TRUNCATED, "test_a_limit_of_the_providers_own_is_shown_and_reported_until_it_is_over"),
    ),
)
