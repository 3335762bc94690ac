"""Known mistakes of the lists of articles."""

from tests.mutants.mutant import Change, Mutant, at

STORAGE = "services/ingester/src/ingester/storage"
HTTP = "services/ingester/src/ingester/entrypoints/http"
SEARCH = "services/ingester/tests/integration/test_search.py"
LISTS = "services/ingester/tests/integration/test_article_lists.py"

MUTANTS = (
    Mutant(
        "list that skips a late commit",
        (Change(f"{STORAGE}/listing.py", '        await wait_for_writers(self._db, "article")\n', ""),),
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
                '        last = int(await self._db.fetchval(SQL["last_change"]))\n'
                '        await wait_for_writers(self._db, "article")\n',
                '        await wait_for_writers(self._db, "article")\n'
                '        last = int(await self._db.fetchval(SQL["last_change"]))\n',
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
    Mutant(
        "revoked article found by the search",
        (
            Change(
                f"{STORAGE}/contents.sql",
                "    DELETE FROM article_content\n    WHERE retention_date = ANY",
                "    UPDATE article_content SET key_bucket = 0\n    WHERE retention_date = ANY",
            ),
            Change(
                f"{STORAGE}/search.sql",
                "SELECT c.article_id, c.retention_date\nFROM article_content AS c\nCROSS JOIN LATERAL (\n"
                "    SELECT FROM article\n"
                "    WHERE article_id = c.article_id AND retention_date = c.retention_date AND state = 'live'\n",
                "SELECT c.article_id, c.retention_date\nFROM article_content AS c\nCROSS JOIN LATERAL (\n"
                "    SELECT FROM article\n"
                "    WHERE article_id = c.article_id AND retention_date = c.retention_date\n",
            ),
            Change(f"{STORAGE}/listing.sql", ") AS d ON a.state = 'live'", ") AS d ON true"),
        ),
        at(SEARCH, "test_a_revoked_withheld_or_embargoed_article_is_not_found"),
    ),
    Mutant(
        "former words of an article found",
        (
            Change(
                f"{STORAGE}/contents.sql",
                "terms = excluded.terms,\n    search = NULL",
                "terms = excluded.terms",
            ),
        ),
        at(SEARCH, "test_a_new_version_is_found_by_its_own_words_only_once_it_is_indexed"),
    ),
    Mutant(
        "rare filter without articles that are not indexed yet",
        (
            Change(
                f"{STORAGE}/listing.sql",
                "    UNION ALL\n    SELECT * FROM article_content WHERE search IS NULL\n",
                "",
            ),
        ),
        at(SEARCH, "test_a_filtered_list_has_articles_that_are_not_searchable_yet"),
    ),
    Mutant(
        "words that leave their quotes",
        (
            Change(
                f"{STORAGE}/tsquery.py",
                "text.translate(_WITHOUT_QUOTES)",
                "text",
            ),
        ),
        at("services/ingester/tests/unit/test_query.py", "test_words_cannot_leave_their_quotes"),
    ),
    Mutant(
        "export that skips what its batch is too large for",
        (
            Change(
                f"{HTTP}/export.py",
                'wanted[rows[-1]["requested_id"]]',
                'found.rows[-1]["change_no"]',
            ),
        ),
        at(
            "services/ingester/tests/integration/test_export.py",
            "test_an_export_is_limited_by_filters_and_by_the_size_of_its_batches",
        ),
    ),
    Mutant(
        "batch with the text of a withheld article",
        (Change(f"{STORAGE}/listing.sql", ") AS d ON a.state = 'live'", ") AS d ON true"),),
        at(
            "services/ingester/tests/integration/test_article_batch.py",
            "test_readable_articles_are_read_in_the_order_of_the_request_and_others_have_their_reason",
        ),
    ),
)
