"""Known mistakes about what is counted, notified, swept and held."""

from tests.mutants.mutant import Change, Mutant, at

ANALYTICS = "services/analytics/src/analytics"
ANALYTICS_RULES = "services/analytics/tests/integration/test_rules.py"
STALE = """RETURNING new.article_id, new.withheld,
    (SELECT x.published_at FROM facet AS x WHERE x.article_id = new.article_id) AS published_at,
    (SELECT x.filter_key_id FROM facet AS x WHERE x.article_id = new.article_id) AS filter_key_id,
    (SELECT x.words FROM facet AS x WHERE x.article_id = new.article_id) AS words,
    (SELECT x.value_ids FROM facet AS x WHERE x.article_id = new.article_id) AS value_ids"""
ANALYTICS_DIMENSIONS = "services/analytics/tests/integration/test_dimensions.py"
ANALYTICS_SWEEPS = "services/analytics/tests/integration/test_sweeps.py"

MUTANTS = (
    Mutant(
        "rollup delta from a snapshot",
        (
            Change(
                f"{ANALYTICS}/storage/facets.sql",
                "RETURNING new.article_id, new.withheld, coalesce(old.withheld, false), old.published_at, "
                "old.filter_key_id, old.words,\n          old.value_ids",
                STALE,
            ),
        ),
        at(ANALYTICS_RULES, "test_a_waiting_worker_subtracts_what_the_other_counted"),
    ),
    Mutant(
        "count not restored on a replay after a reinstatement",
        (
            Change(
                f"{ANALYTICS}/storage/facets.sql",
                "WHERE excluded.order_no > f.order_no\n   OR (",
                "WHERE (",
            ),
        ),
        at(
            ANALYTICS_RULES,
            "test_an_article_published_after_a_reinstatement_counts_even_if_it_arrives_first",
        ),
    ),
    Mutant(
        "a newer version that counts beside the older",
        (
            Change(
                f"{ANALYTICS}/use_cases/counting.py",
                "            if row.before is not None:\n                delta.subtract(row.before)\n",
                "",
            ),
        ),
        at(ANALYTICS_RULES, "test_a_newer_version_counts_instead_of_the_older_one"),
    ),
    Mutant(
        "articles counted by the first dimensions alone",
        (
            Change(
                f"{ANALYTICS}/domain/facets.py",
                "    for dimension in DIMENSIONS.values():\n",
                "    for dimension in [*DIMENSIONS.values()][:2]:\n",
            ),
        ),
        at(ANALYTICS_DIMENSIONS, "test_the_worker_counts_by_a_new_dimension"),
    ),
    Mutant(
        "count under a value that was deleted, not noticed",
        (
            Change(
                f"{ANALYTICS}/storage/rollups.sql",
                "cardinality($1) - (SELECT count(*) FROM counted)\n           + ",
                "",
            ),
        ),
        at(ANALYTICS_RULES, "test_a_value_deleted_by_another_worker_is_looked_up_again"),
    ),
    Mutant(
        "change of a count that keeps the version",
        (
            Change(
                f"{ANALYTICS}/storage/rollups.sql",
                "    WHERE cardinality($1) > 0 AND",
                "    WHERE cardinality($1) > 3 AND",
            ),
        ),
        at(ANALYTICS_RULES, "test_only_a_change_of_a_count_creates_a_new_cache_version"),
    ),
    Mutant(
        "hold ignored by analytics",
        (
            Change(
                f"{ANALYTICS}/storage/facets.sql",
                " AND NOT is_held(article_id, retention_date, $2, $3)\n",
                "\n",
            ),
        ),
        at(ANALYTICS_SWEEPS, "test_old_articles_are_removed_and_held_ones_stay"),
    ),
)
