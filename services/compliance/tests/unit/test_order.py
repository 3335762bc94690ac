"""Decisions about orders on one article, and the times of resending."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from clawback_contracts.revocation.v1 import Reason
from compliance.domain.deadline import Deadlines
from compliance.domain.notice import Notice, NoticeKey
from compliance.domain.order import (
    ArticleHead,
    IssueOrder,
    Kind,
    ResendOrder,
    decide,
    next_number,
    reinstatement,
    revocation_id,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
DAILY = Deadlines(DAY)
ARTICLE = "metabase:1"
NUMBER = 1_772_366_400_000
"""NOW in milliseconds since the epoch."""
UNTOUCHED = ArticleHead(ARTICLE, 0, revoked=False, revocation_id=None)
REVOKED = ArticleHead(ARTICLE, 1, revoked=True, revocation_id=revocation_id(ARTICLE, 1))
REINSTATED = ArticleHead(ARTICLE, 2, revoked=False, revocation_id=revocation_id(ARTICLE, 2))


def _notice(notice_id: UUID | None = None, revoked_at: datetime | None = None) -> Notice:
    return Notice(notice_id or uuid4(), ARTICLE, Reason.LICENSOR, "feed", NOW, revoked_at)


def _decide(head: ArticleHead, *notices: Notice, known: dict[NoticeKey, UUID] | None = None) -> list[object]:
    return list(decide(head, notices, known or {}, now=NOW, deadlines=DAILY))


def test_a_first_notice_issues_an_order_numbered_by_time_and_due_after_the_deadline() -> None:
    notice = _notice(revoked_at=NOW - timedelta(hours=2))
    (issued,) = _decide(UNTOUCHED, notice)
    assert isinstance(issued, IssueOrder)
    assert (issued.order_no, issued.previous_order) == (NUMBER, 0)
    assert (issued.kind, issued.notices) == (Kind.REVOKED, (notice,))
    assert issued.due_at == NOW + timedelta(hours=22)
    assert not issued.backlog


def test_a_number_is_greater_than_all_issued_before_even_if_the_clock_went_back() -> None:
    assert next_number(0, NOW) == NUMBER
    assert next_number(NUMBER, NOW) == NUMBER + 1
    assert next_number(NUMBER + 9, NOW - timedelta(hours=1)) == NUMBER + 10


def test_a_database_that_lost_its_orders_never_issues_a_number_again() -> None:
    (first,) = _decide(UNTOUCHED, _notice())
    (again,) = decide(UNTOUCHED, [_notice()], {}, now=NOW + timedelta(milliseconds=1), deadlines=DAILY)
    assert isinstance(first, IssueOrder)
    assert isinstance(again, IssueOrder)
    assert again.order_no > first.order_no


def test_several_notices_at_once_are_one_order_with_the_earliest_clock() -> None:
    early, late = _notice(revoked_at=NOW - timedelta(hours=5)), _notice(revoked_at=NOW)
    (issued,) = _decide(UNTOUCHED, late, early, late)
    assert isinstance(issued, IssueOrder)
    assert issued.notices == (late, early)
    assert issued.clock_started_at == NOW - timedelta(hours=5)


def test_a_new_notice_on_a_revoked_article_joins_the_order_in_force() -> None:
    notice = _notice()
    (again,) = _decide(REVOKED, notice)
    assert again == ResendOrder(revocation_id(ARTICLE, 1), (notice,), (notice,), NOW, NOW + DAY)


def test_a_repeated_notice_resends_its_order_and_keeps_its_clock() -> None:
    notice = _notice(revoked_at=NOW - timedelta(hours=9))
    known = {notice.key: revocation_id(ARTICLE, 1)}
    (again,) = _decide(REVOKED, notice, known=known)
    assert again == ResendOrder(revocation_id(ARTICLE, 1), (notice,))


def test_a_repeated_notice_never_revokes_again_after_a_reinstatement() -> None:
    notice = _notice()
    (again,) = _decide(REINSTATED, notice, known={notice.key: revocation_id(ARTICLE, 1)})
    assert again == ResendOrder(revocation_id(ARTICLE, 1), (notice,))


def test_a_new_notice_after_a_reinstatement_is_a_new_order() -> None:
    (issued,) = _decide(REINSTATED, _notice())
    assert isinstance(issued, IssueOrder)
    assert (issued.order_no, issued.previous_order) == (NUMBER, 2)


def test_a_repeated_and_a_new_notice_of_one_order_are_in_one_resend() -> None:
    old, new = _notice(), _notice()
    (again,) = _decide(REVOKED, old, new, known={old.key: revocation_id(ARTICLE, 1)})
    assert isinstance(again, ResendOrder)
    assert (again.notices, again.new) == ((old, new), (new,))


def test_a_repeated_notice_of_a_reinstated_order_does_not_hide_a_new_one() -> None:
    old, new = _notice(), _notice()
    decisions = _decide(REINSTATED, old, new, known={old.key: revocation_id(ARTICLE, 1)})
    assert [type(decision) for decision in decisions] == [ResendOrder, IssueOrder]


def test_a_notice_past_its_deadline_on_arrival_is_backlog() -> None:
    (issued,) = _decide(UNTOUCHED, _notice(revoked_at=NOW - timedelta(hours=24)))
    assert isinstance(issued, IssueOrder)
    assert issued.backlog


def test_only_the_revocation_in_force_can_be_reinstated() -> None:
    reinstates = reinstatement(
        REVOKED, revocation_id(ARTICLE, 1), now=NOW, lifted_by="officer", deadlines=DAILY, reason="an error"
    )
    assert reinstates is not None
    assert (reinstates.order_no, reinstates.previous_order) == (NUMBER, 1)
    assert (reinstates.kind, reinstates.reinstates) == (Kind.REINSTATED, revocation_id(ARTICLE, 1))
    for head in (UNTOUCHED, REINSTATED, ArticleHead(ARTICLE, 3, revoked=True, revocation_id=uuid4())):
        assert (
            reinstatement(
                head,
                revocation_id(ARTICLE, 1),
                now=NOW,
                lifted_by="officer",
                deadlines=DAILY,
                reason="an error",
            )
            is None
        )


def test_the_clock_of_an_order_only_moves_earlier() -> None:
    (issued,) = decide(UNTOUCHED, [_notice(revoked_at=NOW)], {}, now=NOW, deadlines=DAILY)
    assert isinstance(issued, IssueOrder)
    earlier = NOW - timedelta(hours=3)
    assert issued.sent_again(earlier, earlier + DAY).due_at == earlier + DAY
    assert issued.sent_again(NOW + timedelta(hours=3), NOW + timedelta(hours=3) + DAY).due_at == NOW + DAY
    assert issued.sent_again(None, None).attempts == 2


def test_the_stricter_deadline_wins_when_notices_join() -> None:
    deadlines = Deadlines(DAY, {"court_order": timedelta(hours=6)})
    court = replace(_notice(), reason="court_order")
    (issued,) = decide(UNTOUCHED, [_notice(), court], {}, now=NOW, deadlines=deadlines)
    assert isinstance(issued, IssueOrder)
    assert issued.due_at == NOW + timedelta(hours=6)
    (usual,) = decide(UNTOUCHED, [_notice()], {}, now=NOW, deadlines=deadlines)
    assert isinstance(usual, IssueOrder)
    assert usual.due_at == NOW + DAY
    later = NOW + timedelta(hours=1)
    joining = replace(court, notice_id=uuid4(), noticed_at=later)
    (again,) = decide(REVOKED, [joining], {}, now=later, deadlines=deadlines)
    assert isinstance(again, ResendOrder)
    sent = usual.sent_again(again.clock_started_at, again.due_at)
    assert (sent.clock_started_at, sent.due_at) == (NOW, later + timedelta(hours=6))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=30))
def test_numbers_only_grow_and_a_notice_revokes_at_most_once(steps: list[tuple[int, bool]]) -> None:
    """Any sequence of notices and reinstatements."""
    pool = [UUID(int=n) for n in range(6)]
    head, known, revoked_by = UNTOUCHED, dict[NoticeKey, UUID](), list[UUID]()
    for index, reinstates in steps:
        before = head.order_no
        if reinstates and head.revoked and head.revocation_id:
            order = reinstatement(
                head, head.revocation_id, now=NOW, lifted_by="o", deadlines=DAILY, reason="r"
            )
            assert order is not None
            head = ArticleHead(ARTICLE, order.order_no, revoked=False, revocation_id=order.revocation_id)
        else:
            for decision in decide(head, [_notice(pool[index])], known, now=NOW, deadlines=DAILY):
                if isinstance(decision, IssueOrder):
                    revoked_by.append(pool[index])
                    head = ArticleHead(
                        ARTICLE, decision.order_no, revoked=True, revocation_id=decision.revocation_id
                    )
                known.setdefault((pool[index], ARTICLE), decision.revocation_id)
            assert (pool[index], ARTICLE) in known
        assert head.order_no in {before, max(before + 1, NUMBER)}
    assert len(revoked_by) == len(set(revoked_by))
