"""Mistakes in how feeds of RSS and Atom are read: states, versions, deleted entries, answers that are no document."""

from tests.mutants.mutant import Change, Mutant, at

PROVIDERS = "services/ingester/src/ingester/gateways/providers"
FEED = "services/ingester/tests/integration/test_rss.py"
UNIT = "services/ingester/tests/unit/rss"

MUTANTS = (
    Mutant(
        "the state of a document is not sent back",
        (
            Change(
                f"{PROVIDERS}/rss/cursor.py",
                'given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}',
                'given = {"If-None-Match": "", "If-Modified-Since": ""}',
            ),
        ),
        at(FEED, "test_an_unchanged_feed_needs_one_call_and_stores_nothing"),
    ),
    Mutant(
        "an entry is numbered by its publication, whatever was changed since",
        (
            Change(
                f"{PROVIDERS}/rss/entry.py",
                "    dated = updated or published\n",
                "    dated = published or updated\n",
            ),
        ),
        at(FEED, "test_a_changed_entry_is_a_new_version_of_the_same_article"),
    ),
    Mutant(
        "an entry without a time is a new version each time that it is read",
        (
            Change(
                f"{PROVIDERS}/rss/entry.py",
                "return 0 if dated is None else max(0, (dated - EPOCH) // MICROSECOND)",
                "return None if dated is None else max(0, (dated - EPOCH) // MICROSECOND)",
            ),
        ),
        at(FEED, "test_an_entry_without_a_time_is_stored_once_however_often_the_feed_changes"),
    ),
    Mutant(
        "a time far ahead keeps out all that follows",
        (Change(f"{PROVIDERS}/rss/entry.py", "moment <= received_at + AHEAD_MAX", "moment"),),
        at(
            f"{UNIT}/test_entries.py",
            "test_a_time_far_in_the_future_is_ignored_because_it_would_block_all_updates",
        ),
    ),
    Mutant(
        "a deleted entry that does not say of what is an entry like others",
        (Change(f"{PROVIDERS}/rss/source.py", "poison.detail, raw, revocation)", "poison.detail, raw)"),),
        at(FEED, "test_a_deleted_entry_without_a_reference_is_an_incident_and_an_alert"),
    ),
    Mutant(
        "the cursor of a long document moves with its first page",
        (
            Change(
                f"{PROVIDERS}/rss/source.py",
                "            return page\n        self._state, self._given = None, 0\n",
                "            return replace(page, cursor=state.cursor.written)\n"
                "        self._state, self._given = None, 0\n",
            ),
        ),
        at(
            f"{UNIT}/test_feed_client.py",
            "test_a_long_document_is_requested_once_and_moves_the_cursor_with_its_last_page",
        ),
    ),
    Mutant(
        "feeds of a host share the pace of another provider's key",
        (Change(f"{PROVIDERS}/rss/source.py", '    return f"rss:{named}"\n', "    return listed.key\n"),),
        at(FEED, "test_a_pause_requested_by_the_server_applies_only_to_its_provider"),
    ),
    Mutant(
        "a call follows where it is led",
        (Change(f"{PROVIDERS}/calls.py", "follow_redirects=False,", "follow_redirects=True,"),),
        at(f"{UNIT}/test_feed_client.py", "test_no_redirect_is_followed"),
    ),
    Mutant(
        "the log has the user of an address",
        (
            Change(
                f"{PROVIDERS}/quiet_httpx.py",
                "username=None, password=None, query=None, fragment=None",
                "query=None, fragment=None",
            ),
        ),
        at(f"{UNIT}/test_feed_client.py", "test_secrets_of_the_address_are_shown_nowhere"),
    ),
    Mutant(
        "the options of a feed are in its text",
        (
            Change(
                "services/ingester/src/ingester/settings.py",
                "    def __repr_args__(self)",
                "    def repr_args(self)",
            ),
            Change(
                "services/ingester/src/ingester/settings.py",
                "    @override\n    def repr_args",
                "    def repr_args",
            ),
        ),
        at("services/ingester/tests/unit/test_settings.py", "test_no_text_of_a_feed_has_its_options"),
    ),
)
