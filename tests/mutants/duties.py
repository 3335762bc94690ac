"""Known mistakes about what is counted, told, swept and held."""

from tests.mutants.mutant import Change, Mutant, at

INGESTER = "services/ingester/src/ingester"
INGESTER_SWEEPS = "services/ingester/tests/integration/test_sweep.py"
ANALYTICS = "services/analytics/src/analytics"
ANALYTICS_RULES = "services/analytics/tests/integration/test_rules.py"
ANALYTICS_SWEEPS = "services/analytics/tests/integration/test_sweeps.py"
ALERTING = "services/alerting/src/alerting"
ALERTING_TESTS = "services/alerting/tests/integration"
RETENTION = "services/retention/src/retention"
RETENTION_TESTS = "services/retention/tests/integration"

STALE = """RETURNING new.article_id, new.withheld,
    (SELECT x.day FROM facet AS x WHERE x.article_id = new.article_id) AS day,
    (SELECT x.cell_id FROM facet AS x WHERE x.article_id = new.article_id) AS cell_id,
    (SELECT x.words FROM facet AS x WHERE x.article_id = new.article_id) AS words,
    (SELECT x.source_id FROM facet AS x WHERE x.article_id = new.article_id) AS source_id,
    (SELECT x.topic_ids FROM facet AS x WHERE x.article_id = new.article_id) AS topic_ids"""
"""A query inside of the statement sees what was there before the statement waited."""

MUTANTS = (
    Mutant(
        "rollup delta from a snapshot",
        (
            Change(
                f"{ANALYTICS}/storage/facets.sql",
                "RETURNING new.article_id, new.withheld, coalesce(old.withheld, false), old.day, old.cell_id, "
                "old.words, old.source_id,\n          old.topic_ids",
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
        "sweep that forgets a tombstone",
        (
            Change(
                f"{INGESTER}/storage/sweeps.sql",
                "    WHERE NOT a.given AND a.kept_from",
                "    WHERE a.kept_from",
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
        at(INGESTER_SWEEPS, "test_an_article_revoked_while_it_is_copied_is_not_held"),
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
        at(INGESTER_SWEEPS, "test_a_held_article_is_not_swept_stays_readable_and_can_be_taken_down"),
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
        at(INGESTER_SWEEPS, "test_a_held_article_is_not_swept_stays_readable_and_can_be_taken_down"),
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
        at(f"{ALERTING_TESTS}/test_telling.py", "test_two_workers_notify_once"),
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
        at(f"{ALERTING_TESTS}/test_promises.py", "test_a_run_received_twice_is_notified_once"),
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
            f"{ALERTING_TESTS}/test_promises.py",
            "test_an_overdue_run_is_sent_by_mail_and_sms_within_five_minutes_of_hour_25",
        ),
    ),
)
