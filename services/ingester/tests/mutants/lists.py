"""Known mistakes of the lists of articles."""

from tests.mutants.mutant import Change, Mutant, at

STORAGE = "services/ingester/src/ingester/storage"
HTTP = "services/ingester/src/ingester/entrypoints/http"
LISTS = "services/ingester/tests/integration/test_article_lists.py"

MUTANTS = (
    Mutant(
        "list that skips a late commit",
        (Change(f"{STORAGE}/listing.py", '    await wait_for_writers(db, "article")\n', ""),),
        at(
            LISTS,
            "test_a_list_waits_for_a_change_that_has_an_earlier_number_and_commits_later",
            "test_a_reader_misses_nothing_while_eight_writers_commit_in_any_order",
        ),
    ),
    Mutant(
        "end of the list taken after the wait",
        (
            Change(
                f"{STORAGE}/listing.py",
                '    committed_to = int(await db.fetchval(SQL["last_change"]))\n'
                '    await wait_for_writers(db, "article")\n',
                '    await wait_for_writers(db, "article")\n'
                '    committed_to = int(await db.fetchval(SQL["last_change"]))\n',
            ),
        ),
        at(LISTS, "test_changes_that_begin_while_a_list_waits_are_left_for_the_next_one"),
    ),
    Mutant(
        "embargoed article in the list",
        (
            Change(
                f"{STORAGE}/listing.sql",
                "    WHERE state = 'live' AND change_no > $1",
                "    WHERE change_no > $1",
            ),
            Change(f"{STORAGE}/listing.sql", ") AS d ON a.state = 'live'", ") AS d ON true"),
        ),
        at(LISTS, "test_a_revoked_withheld_or_embargoed_article_is_in_no_list"),
    ),
    Mutant(
        "change of state that gets no number",
        (
            Change(
                f"{STORAGE}/migrations/0001_ingester.pre.sql",
                "WHEN ((NEW.version, NEW.state, NEW.order_no) IS DISTINCT FROM (OLD.version, OLD.state, OLD.order_no))",
                "WHEN (NEW.version IS DISTINCT FROM OLD.version)",
            ),
        ),
        at(LISTS, "test_a_reinstated_or_released_article_is_listed_again"),
    ),
    Mutant(
        "304 for a revoked article",
        (
            Change(
                f"{HTTP}/articles.py",
                '        if row["state"] != "live" or row["document"] is None:\n',
                '        if _matches(if_none_match, f\'W/"{row["version"]}.{row["order_no"]}"\'):\n'
                "            return Response(status_code=304)\n"
                '        if row["state"] != "live" or row["document"] is None:\n',
            ),
        ),
        at(LISTS, "test_an_unchanged_article_is_304_and_a_revoked_one_is_410_whatever_the_client_has"),
    ),
)
