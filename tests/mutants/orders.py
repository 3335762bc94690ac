"""Mistakes in who may order what, and under which identity."""

from tests.mutants.mutant import Change, Mutant, at

COMPLIANCE = "services/compliance/src/compliance"
INGESTER = "services/ingester/src/ingester"
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
        at(IDENTITY, "test_an_id_that_was_sent_before_for_another_article_suppresses_no_revocation"),
    ),
    Mutant(
        "notice answered by another article's order",
        (
            Change(
                f"{INGESTER}/storage/notices.sql",
                "WHERE notice.notice_id = o.notice_id AND notice.article_id = o.article_id AND answered_at IS NULL",
                "WHERE notice.notice_id = o.notice_id AND answered_at IS NULL",
            ),
        ),
        at(
            "services/ingester/tests/integration/test_notices.py",
            "test_an_order_on_another_article_closes_no_notice_even_if_it_cites_one",
        ),
    ),
    Mutant(
        "holder without an upper bound of hours",
        (
            Change(
                f"{COMPLIANCE}/storage/obligations.sql",
                "           + make_interval(secs => 3600 * least(h.forgets_after_h, 87600))",
                "           + make_interval(secs => 3600 * h.forgets_after_h)",
            ),
        ),
        at(HOLDERS, "test_a_number_of_ours_that_is_out_of_bounds_sets_no_notice_aside"),
    ),
    Mutant(
        "holder's hours bounded by the statement alone",
        (
            Change(
                "contracts/src/clawback_contracts/holder/v1.py",
                "Field(None, gt=0, le=FORGETS_AFTER_H_MAX)",
                "Field(None, gt=0)",
            ),
        ),
        at(HOLDERS, "test_hours_beyond_ten_years_are_refused_by_contract_and_table"),
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
        at(API, "test_nobody_takes_our_own_copies_out_of_takedowns_over_http"),
    ),
    Mutant(
        "backups changed over HTTP",
        (Change(f"{COMPLIANCE}/domain/holder.py", "if kind is HolderKind.EXPIRY:", "if False:"),),
        at(API, "test_nobody_takes_our_own_copies_out_of_takedowns_over_http"),
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
                "carried_out=end if request.decided else 0,",
                "carried_out=0,",
            ),
            Change(
                f"{COMPLIANCE}/use_cases/requests.py",
                "done=request.decided and end",
                "done=request.decided or end",
            ),
        ),
        at(REQUESTS, "test_a_request_is_carried_out_to_its_end_after_a_kill"),
    ),
    Mutant(
        "clock of a request started by its confirmation",
        (
            Change(
                f"{COMPLIANCE}/storage/notices.py",
                'noticed_at=row["noticed_at"],',
                "noticed_at=datetime.now(UTC),",
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
        at(REQUESTS, "test_two_requests_at_once_do_not_use_one_limit_twice"),
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
        at(API, "test_a_key_has_only_its_own_providers_articles_revoked"),
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
        at(REQUESTS, "test_a_sender_who_may_not_revoke_only_withholds"),
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
        at(REQUESTS, "test_a_refused_request_reinstates_what_no_other_request_wants"),
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
            "test_a_holder_that_owes_something_leaves_only_with_a_second_person_and_still_owes_it",
        ),
    ),
)
