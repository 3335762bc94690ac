"""Mistakes in who may order what, and under which identity."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
TESTS = "services/compliance/tests/integration"
IDENTITY = f"{TESTS}/test_notice_identity.py"
HOLDERS = f"{TESTS}/test_holders.py"
API = f"{TESTS}/test_api.py"
REQUESTS = f"{TESTS}/test_requests.py"

MUTANTS = (
    Mutant(
        "notice known by its id alone",
        (
            Change(
                f"{COMPLIANCE}/storage/notices.sql",
                "LEFT JOIN notice AS n ON n.notice_id = w.notice_id AND n.article_id = w.article_id",
                "LEFT JOIN notice AS n ON n.notice_id = w.notice_id",
            ),
        ),
        at(IDENTITY, "test_an_id_sent_before_for_another_article_does_not_suppress_a_revocation"),
    ),
    Mutant(
        "holder without an upper bound of hours",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "           + make_interval(secs => 3600 * least(h.content_retention_h, 87600))",
                "           + make_interval(secs => 3600 * h.content_retention_h)",
            ),
        ),
        at(HOLDERS, "test_an_expiry_time_out_of_bounds_does_not_quarantine_a_notice"),
    ),
    Mutant(
        "own stores changed over HTTP",
        (
            Change(
                f"{COMPLIANCE}/domain/holder.py",
                "if name in stores or kind is HolderKind.STORE:",
                "if False:",
            ),
        ),
        at(API, "test_our_own_holders_cannot_be_changed_or_removed_over_http"),
    ),
    Mutant(
        "backups changed over HTTP",
        (Change(f"{COMPLIANCE}/domain/holder.py", "if kind is HolderKind.EXPIRY:", "if False:"),),
        at(API, "test_our_own_holders_cannot_be_changed_or_removed_over_http"),
    ),
    Mutant(
        "kind of a holder changed",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/holders.py",
                'if body.kind not in {None, there["kind"]}:',
                "if False:",
            ),
        ),
        at(API, "test_the_kind_of_a_holder_is_fixed_and_every_change_is_an_alert"),
    ),
    Mutant(
        "confirmed request carried out from its first article after a kill",
        (
            Change(
                f"{COMPLIANCE}/use_cases/requests.py",
                "executed=end if request.decided else 0,",
                "executed=0,",
            ),
            Change(
                f"{COMPLIANCE}/use_cases/requests.py",
                "done=request.decided and end",
                "done=request.decided or end",
            ),
        ),
        at(REQUESTS, "test_a_request_is_completed_after_its_process_was_killed"),
    ),
    Mutant(
        "clock of a request started by its confirmation",
        (
            Change(
                f"{COMPLIANCE}/storage/notices.py",
                "build(Notice, row)",
                "build(Notice, row, noticed_at=datetime.now(UTC))",
            ),
            Change(
                f"{COMPLIANCE}/storage/notices.py",
                "import datetime\n",
                "import UTC, datetime\n",
            ),
        ),
        at(REQUESTS, "test_above_the_limit_articles_are_withheld_at_once_and_revoked_after_approval"),
    ),
    Mutant(
        "request above the limit withholds nothing",
        (
            Change(
                f"{COMPLIANCE}/domain/order.py",
                "Kind.WITHHELD if withholds else Kind.REVOKED",
                "Kind.REVOKED",
            ),
        ),
        at(REQUESTS, "test_above_the_limit_articles_are_withheld_at_once_and_revoked_after_approval"),
    ),
    Mutant(
        "limit of one request instead of a subject",
        (
            Change(
                f"{COMPLIANCE}/use_cases/requests.py",
                "return bool(new) and spent + new >",
                "return bool(new) and new >",
            ),
        ),
        at(REQUESTS, "test_many_small_requests_add_up"),
    ),
    Mutant(
        "no limit for records of a topic",
        (Change(f"{COMPLIANCE}/use_cases/approval.py", "if mode is Mode.COUNTED or room:", "if True:"),),
        at(REQUESTS, "test_http_and_topic_share_the_limit_of_a_subject"),
    ),
    Mutant(
        "limit of a subject not locked",
        (
            Change(
                f"{COMPLIANCE}/storage/notices.sql",
                "SELECT pg_advisory_xact_lock(hash",
                "SELECT abs(hash",
            ),
        ),
        at(REQUESTS, "test_two_concurrent_requests_share_one_limit"),
    ),
    Mutant(
        "any key revokes any provider's articles",
        (
            Change(
                f"{COMPLIANCE}/entrypoints/http/requests.py",
                "        _own_providers_alone(body.ids, caller)\n",
                "",
            ),
        ),
        at(API, "test_a_key_can_revoke_only_articles_of_its_own_providers"),
    ),
    Mutant(
        "unsigned notice revokes",
        (
            Change(
                f"{COMPLIANCE}/use_cases/orders.py",
                "return UNKNOWN_SENDER if required else FEEDS",
                "return FEEDS",
            ),
        ),
        at(REQUESTS, "test_a_notice_of_an_unauthorised_sender_only_withholds"),
    ),
    Mutant(
        "any sender believed about feeds",
        (
            Change(
                f"{COMPLIANCE}/use_cases/orders.py", "if caller.subject == INGESTER:", "if caller.subject:"
            ),
        ),
        at(REQUESTS, "test_only_the_ingester_may_name_feeds_and_polls"),
    ),
    Mutant(
        "refusal that forgets other requests",
        (
            Change(
                f"{COMPLIANCE}/use_cases/requests.py",
                "one.withheld and one.article_id not in wanted",
                "one.withheld",
            ),
        ),
        at(REQUESTS, "test_a_refused_request_reinstates_only_articles_of_no_other_request"),
    ),
    Mutant(
        "holder removed by one person",
        (
            Change(
                f"{COMPLIANCE}/use_cases/holders.py",
                "if await obligations.unclosed_of_holder(tx, name):",
                "if False:",
            ),
        ),
        at(
            f"{TESTS}/test_takedown.py",
            "test_a_holder_with_open_obligations_leaves_only_with_a_second_person_and_keeps_them",
        ),
    ),
)
