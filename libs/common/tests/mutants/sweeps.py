"""Known mistakes in what an owner removes, refuses and reads again and again."""

from tests.mutants.mutant import Change, Mutant, at

SWEEPING = "libs/common/src/clawback_common/retention"
BOUNDS = "libs/common/tests/integration/test_sweep_bounds.py"
FLOOR = "services/ingester/tests/integration/test_retention_floor.py"
PERIODIC = "tests/periodic/test_periodic_queries.py"
ARCHIVE = "libs/common/tests/unit/test_archive.py"
BUCKET = "libs/common/tests/integration/test_archive_in_a_bucket.py"
SWEEP = "services/compliance/tests/integration/test_sweep.py"

MUTANTS = (
    Mutant(
        "sweep: any limit is accepted",
        (
            Change(
                f"{SWEEPING}/bounds.py",
                "    if request.before > now - max(age_min, timedelta(0)):",
                "    if request.before is None:",
            ),
        ),
        at(BOUNDS, "test_a_limit_later_than_the_minimum_age_allows_is_refused"),
    ),
    Mutant(
        "sweep: a hold is only what the request names",
        (Change(f"{SWEEPING}/bounds.py", "    if omitted:\n", "    if omitted and not request.holds:\n"),),
        at(BOUNDS, "test_a_hold_with_another_scope_counts_as_omitted"),
    ),
    Mutant(
        "sweep: one person ends a hold",
        (Change(f"{SWEEPING}/known_holds.sql", "ELSE e.first <> e.second END", "ELSE true END"),),
        at(BOUNDS, "test_one_person_cannot_end_a_confirmed_hold"),
    ),
    Mutant(
        "sweep: holds are learnt from requests alone",
        (
            Change(
                f"{SWEEPING}/sweeper.py",
                "for event in (one.value for one in batch if one.value.data_class in self._classes):",
                "for event in (one.value for one in batch if isinstance(one.value, SweepRequested)):",
            ),
        ),
        at(BOUNDS, "test_a_hold_is_known_before_any_sweep"),
    ),
    Mutant(
        "sweep: a floor may lie in the future",
        (Change(f"{SWEEPING}/floor.py", "    if floor > now:\n", "    if floor < now.min:\n"),),
        at(FLOOR, "test_a_floor_is_never_in_the_future"),
    ),
    Mutant(
        "sweep: a refusal pages nobody",
        (Change(f"{SWEEPING}/sweeper.py", "[self._message(answer), *alert]", "[self._message(answer)]"),),
        at(BOUNDS, "test_an_action_that_the_class_does_not_allow_is_refused"),
    ),
    Mutant(
        "purge by a column without an index",
        (
            Change(
                "libs/common/src/clawback_common/retention/purging.py",
                'Aged("outbox_priority", "sent_at", SENT_KEPT, "sent_at IS NOT NULL")',
                'Aged("outbox_priority", "coalesce(sent_at, queued_at)", SENT_KEPT, "sent_at IS NOT NULL")',
            ),
        ),
        at(PERIODIC, "test_no_statement_of_a_loop_scans_a_large_table"),
    ),
    Mutant(
        "articles are counted one by one",
        (Change("libs/common/src/clawback_common/postgres/estimates.py", "<= EXACT_BYTES_MAX", "> 0"),),
        at(PERIODIC, "test_no_statement_of_a_loop_scans_a_large_table"),
    ),
    Mutant(
        "one table that fails ends all tidying",
        (
            Change(
                "libs/common/src/clawback_common/retention/purging.py",
                "        except ClawbackError as error:",
                "        except KeyError as error:",
            ),
        ),
        at("libs/common/tests/integration/test_purging.py", "test_a_table_that_fails_stops_no_other"),
    ),
    Mutant(
        "archive: written files are not read back",
        (Change(f"{SWEEPING}/archive.py", "if self.verify(path) != manifest:", "if not files:"),),
        (
            *at(BUCKET, "test_a_store_that_keeps_another_byte_than_was_written_is_found"),
            *at(ARCHIVE, "test_an_archive_counts_only_after_it_was_read_back_and_compared"),
        ),
    ),
    Mutant(
        "archive: a file is not synced",
        (
            Change(
                f"{SWEEPING}/objects.py",
                "                _sync(self._folder, path)\n",
                "                pass\n",
            ),
        ),
        at(ARCHIVE, "test_each_file_and_the_folders_that_name_it_are_synced_before_the_archive_counts"),
    ),
    Mutant(
        "archive: a store that is away counts as a damaged archive",
        (
            Change(
                f"{SWEEPING}/objects.py",
                'raise Transient(f"the archive cannot be {done} ({cause})") from None',
                'raise Poison("archive_damaged", f"the archive cannot be {done} ({cause})") from None',
            ),
        ),
        at(SWEEP, "test_a_bucket_that_is_away_refuses_hangs_or_damages_removes_nothing"),
    ),
    Mutant(
        "archive: a store may hang for as long as it likes",
        (Change(f"{SWEEPING}/objects.py", "urlsplit(url), CLIENT | {", "urlsplit(url), {"),),
        at(BUCKET, "test_a_store_that_is_away_refuses_or_is_slow_is_tried_again_later_and_soon_given_up"),
    ),
)
