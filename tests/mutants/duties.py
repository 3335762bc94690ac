"""Known mistakes about what is counted, told, swept and held."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
INGESTER_SWEEPS = "services/ingester/tests/integration/test_sweep.py"
ANALYTICS = "services/analytics/src/analytics"
ANALYTICS_DIMENSIONS = "services/analytics/tests/integration/test_dimensions.py"
ANALYTICS_RULES = "services/analytics/tests/integration/test_rules.py"
ANALYTICS_SWEEPS = "services/analytics/tests/integration/test_sweeps.py"
ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests/integration"
RETENTION = "services/retention/src/retention"
RETENTION_TESTS = "services/retention/tests/integration"

STALE = """RETURNING new.article_id, new.withheld,
    (SELECT x.day FROM facet AS x WHERE x.article_id = new.article_id) AS day,
    (SELECT x.filter_key_id FROM facet AS x WHERE x.article_id = new.article_id) AS filter_key_id,
    (SELECT x.words FROM facet AS x WHERE x.article_id = new.article_id) AS words,
    (SELECT x.value_ids FROM facet AS x WHERE x.article_id = new.article_id) AS value_ids"""
"""A query inside of the statement sees what was there before the statement waited."""

MUTANTS = (
    Mutant(
        "rollup delta from a snapshot",
        (
            Change(
                f"{ANALYTICS}/storage/facets.sql",
                "RETURNING new.article_id, new.withheld, coalesce(old.withheld, false), old.day, old.filter_key_id, "
                "old.words,\n          old.value_ids",
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
        "sweep that forgets a tombstone",
        (
            Change(
                f"{INGESTER}/storage/sweeps.sql",
                "    WHERE NOT a.ever_published AND a.retention_date",
                "    WHERE a.retention_date",
            ),
        ),
        at(INGESTER_SWEEPS, "test_old_documents_are_deleted_and_published_ids_stay"),
    ),
    Mutant(
        "sweep that spares the revoked",
        (
            Change(
                f"{INGESTER}/storage/sweeps.py",
                '    await tx.execute(SQL["lock"], ids)\n    await tx.execute(SQL["hold"], dates, ids, now)\n',
                '    await tx.execute(SQL["hold"], dates, ids, now)\n',
            ),
        ),
        at(INGESTER_SWEEPS, "test_a_text_that_is_revoked_while_it_is_copied_is_held_for_nobody"),
    ),
    Mutant(
        "hold that stops a takedown",
        (
            Change(
                f"{INGESTER}/storage/contents.sql",
                "    DELETE FROM article_held WHERE article_id = ANY ($2::text[]) RETURNING article_id\n",
                "    SELECT article_id FROM article_held WHERE article_id = ANY ($2::text[])\n",
            ),
        ),
        at(INGESTER_SWEEPS, "test_what_is_held_is_spared_readable_and_taken_down_like_any_other"),
    ),
    Mutant(
        "hold ignored by the ingester",
        (
            Change(
                f"{INGESTER}/storage/retention.py",
                "        if not held.ids and not held.spans:\n",
                "        if held:\n",
            ),
        ),
        at(INGESTER_SWEEPS, "test_what_is_held_is_spared_readable_and_taken_down_like_any_other"),
    ),
    Mutant(
        "hold ignored by analytics",
        (Change(f"{ANALYTICS}/storage/facets.sql", " AND article_id <> ALL ($2::text[])\n", "\n"),),
        at(ANALYTICS_SWEEPS, "test_old_articles_are_removed_and_held_ones_stay"),
    ),
    Mutant(
        "hold that no request reads_body of",
        (
            Change(
                f"{RETENTION}/gateways/events.py",
                "        dry_run=sweep.dry_run,\n        holds=tuple(hold.for_owners() for hold in holds),",
                "        dry_run=sweep.dry_run,\n        holds=(),",
            ),
        ),
        at(
            f"{RETENTION_TESTS}/test_sweeps.py",
            "test_a_resent_request_names_the_current_holds",
        ),
    ),
    Mutant(
        "two mails for one alert",
        (
            Change(
                f"{ALERTING}/storage/messages.sql",
                "      AND (leased_until IS NULL OR leased_until <= clock_timestamp())\n",
                "",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_notifications.py", "test_two_workers_notify_once"),
    ),
    Mutant(
        "an event that is told again when it arrives again",
        (
            Change(
                f"{ALERTING}/use_cases/folding.py",
                "        if one.identity in new:\n",
                "        if one:\n",
            ),
        ),
        at(f"{ALERTING_TESTS}/test_run_alerts.py", "test_a_run_received_twice_is_notified_once"),
    ),
    Mutant(
        "alert lost when the channel is down",
        (
            Change(
                f"{ALERTING}/use_cases/sending.py",
                "                await messages.failed(tx, claimed, again_at, error)\n",
                "                await messages.sent(tx, claimed.message_id, now)\n",
            ),
        ),
        at(
            f"{ALERTING_TESTS}/test_channels.py",
            "test_a_message_is_retried_after_1_5_and_15_minutes_and_then_hourly",
        ),
    ),
    Mutant(
        "overdue noticed only by the job itself",
        (
            Change(
                f"{ALERTING}/use_cases/runs.py",
                "        await _check_age(tx, service, service.clock.now())\n",
                "        await watches.load(tx, service.clock.now())\n",
            ),
        ),
        at(
            f"{ALERTING_TESTS}/test_run_alerts.py",
            "test_an_overdue_run_is_sent_by_mail_and_sms_within_five_minutes_of_hour_25",
        ),
    ),
)
