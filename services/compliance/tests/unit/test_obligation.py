"""The effect of receipts and holdings checks on an obligation."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawback_contracts.holder.v1 import HolderKind, Holding
from clawback_contracts.revocation.v1 import ArticleRemoved, CopyRemoval, Outcome
from compliance.domain.obligation import (
    CLOSED,
    CONTROLS,
    Answer,
    HoldingsCheck,
    HoldingsVerdict,
    Obligation,
    Proof,
    ReceiptOutcome,
    State,
    fold,
    proof,
    verdict,
)
from compliance.domain.order import Kind

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONSUMER = Obligation(
    revocation_id=uuid4(),
    holder="search",
    kind=HolderKind.CONSUMER,
    order_kind=Kind.REVOKED,
    verifiable=False,
    superseded=False,
    copy_kinds=("content", "index"),
    state=State.NOTIFIED,
    answers={},
)
STORE = replace(CONSUMER, holder="ingester", kind=HolderKind.STORE, verifiable=True)
ALL_REMOVED = {"content": Outcome.REMOVED, "index": Outcome.NEVER_HELD}


def _answer(removals: Mapping[str, Outcome], attempt: int = 1) -> Answer:
    return Answer(uuid4(), "metabase:1", 1, "search", attempt, removals, NOW, "kafka")


def test_a_receipt_for_every_declared_kind_closes_an_obligation_of_a_consumer() -> None:
    folded, meaning = fold(CONSUMER, _answer(ALL_REMOVED), NOW)
    assert (folded.state, meaning) == (State.VERIFIED, ReceiptOutcome.CLOSED)
    assert folded.evidence is not None
    assert folded.evidence["how"] == "receipt"


def test_a_receipt_that_misses_a_declared_kind_closes_nothing() -> None:
    folded, meaning = fold(CONSUMER, _answer({"content": Outcome.REMOVED}), NOW)
    assert (folded.state, meaning) == (State.NOTIFIED, ReceiptOutcome.INCOMPLETE)


def test_receipts_for_different_kinds_add_up() -> None:
    half, _ = fold(CONSUMER, _answer({"content": Outcome.REMOVED}), NOW)
    folded, meaning = fold(half, _answer({"index": Outcome.ALREADY_REMOVED}), NOW)
    assert (folded.state, meaning) == (State.VERIFIED, ReceiptOutcome.CLOSED)


def test_a_receipt_of_a_holder_with_checkable_holdings_closes_nothing() -> None:
    folded, meaning = fold(STORE, _answer(ALL_REMOVED), NOW)
    assert (folded.state, meaning, folded.verified_at) == (State.REMOVED, ReceiptOutcome.REMOVED, None)


def test_a_repeated_receipt_of_a_store_changes_no_time() -> None:
    removed, _ = fold(STORE, _answer(ALL_REMOVED), NOW)
    later = NOW.replace(hour=15)
    folded, meaning = fold(removed, _answer(ALL_REMOVED, 2), later)
    assert (folded.state, folded.removed_at, meaning) == (State.REMOVED, NOW, ReceiptOutcome.REPEATED)


def test_superseded_by_an_order_that_was_never_issued_closes_nothing() -> None:
    outcomes = dict.fromkeys(CONSUMER.copy_kinds, Outcome.SUPERSEDED)
    assert fold(CONSUMER, _answer(outcomes), NOW)[1] is ReceiptOutcome.INCOMPLETE
    folded, meaning = fold(replace(CONSUMER, superseded=True), _answer(outcomes), NOW)
    assert (folded.state, meaning) == (State.SUPERSEDED, ReceiptOutcome.CLOSED)


def test_the_outcome_reinstated_closes_a_reinstatement_and_no_revocation() -> None:
    outcomes = dict.fromkeys(CONSUMER.copy_kinds, Outcome.REINSTATED)
    assert fold(CONSUMER, _answer(outcomes), NOW)[1] is ReceiptOutcome.INCOMPLETE
    reinstatement = replace(STORE, order_kind=Kind.REINSTATED)
    assert fold(reinstatement, _answer(outcomes), NOW)[0].state is State.VERIFIED


@pytest.mark.parametrize("state", sorted(CLOSED))
def test_a_closed_obligation_stays_closed(state: State) -> None:
    closed = replace(CONSUMER, state=state)
    assert fold(closed, _answer({"content": Outcome.REMOVED}), NOW) == (closed, ReceiptOutcome.REPEATED)


def test_an_expiry_holder_is_closed_only_by_age() -> None:
    expiry = replace(CONSUMER, kind=HolderKind.EXPIRY, state=State.OPEN)
    assert fold(expiry, _answer(ALL_REMOVED), NOW)[0] == expiry


any_outcome = st.sampled_from(list(Outcome))
removals = st.dictionaries(st.sampled_from(["content", "index", "other"]), any_outcome, min_size=1)


@given(
    answers=st.lists(removals, max_size=8),
    verifiable=st.booleans(),
    superseded=st.booleans(),
    order_kind=st.sampled_from(Kind),
)
def test_a_fold_never_reverts_a_state_and_closes_only_after_an_answer_for_every_kind(
    *, answers: list[dict[str, Outcome]], verifiable: bool, superseded: bool, order_kind: Kind
) -> None:
    rank = {State.OPEN: 0, State.NOTIFIED: 1, State.REMOVED: 2, State.VERIFIED: 3, State.SUPERSEDED: 3}
    obligation = replace(
        CONSUMER, state=State.OPEN, verifiable=verifiable, superseded=superseded, order_kind=order_kind
    )
    for number, one in enumerate(answers, 1):
        folded, _ = fold(obligation, _answer(one, number), NOW)
        assert rank[folded.state] >= rank[obligation.state]
        again, _ = fold(folded, _answer(one, number), NOW)
        assert again.state == folded.state
        obligation = folded
    if obligation.state in {State.REMOVED, State.VERIFIED, State.SUPERSEDED}:
        assert set(obligation.copy_kinds) <= set(obligation.answers)
    if verifiable and order_kind is Kind.REVOKED:
        assert obligation.state is not State.VERIFIED


HELD = {f"c{n}": Holding.HELD for n in range(CONTROLS)}
ANSWERED = HoldingsCheck(
    "ingester", {"a": Holding.GONE, **HELD}, ours=True, orders={"a": 3}, controls=tuple(HELD)
)


def test_only_the_answer_gone_counts_as_gone() -> None:
    answers = {"a": Holding.GONE, "b": Holding.HELD, "c": Holding.UNKNOWN}
    for check in (HoldingsCheck("search", answers), replace(ANSWERED, answers={**HELD, **answers})):
        verdicts = [verdict(check, one, 3) for one in "abcd"]
        assert verdicts == [
            HoldingsVerdict.GONE,
            HoldingsVerdict.HELD,
            HoldingsVerdict.UNKNOWN,
            HoldingsVerdict.UNKNOWN,
        ]


def test_answers_of_an_unreliable_store_or_without_its_controls_count_as_unknown() -> None:
    assert verdict(ANSWERED, "a", 3, wrong=True) is HoldingsVerdict.UNKNOWN
    for control in (Holding.UNKNOWN, None):
        answers = {one: state for one, state in {**ANSWERED.answers, "c0": control}.items() if state}
        assert verdict(replace(ANSWERED, answers=answers), "a", 3) is HoldingsVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({}, Proof.CONTROLS, id="five controls held, and the order applied"),
        pytest.param({"orders": None}, Proof.CONTROLS, id="five controls held"),
        pytest.param({"orders": {"a": 2}}, None, id="an earlier order applied"),
        pytest.param({"orders": {}}, None, id="no order applied"),
        pytest.param({"controls": ("c0",)}, Proof.ORDER, id="one control held, and the order applied"),
        pytest.param({"controls": ("c0",), "orders": None}, None, id="one control held"),
        pytest.param({"controls": (), "few_live": True}, Proof.ORDER, id="no controls, the order applied"),
        pytest.param({"controls": (), "few_live": True, "orders": None}, None, id="no controls"),
        pytest.param({"controls": ()}, None, id="controls that were taken down"),
        pytest.param({"controls": ("x",), "missed": ("x",), "few_live": True}, None, id="no control held"),
        pytest.param({"ours": False, "controls": (), "orders": None}, Proof.ANSWER, id="a consumer"),
    ],
)
def test_the_answer_gone_needs_proof(more: dict[str, Any], expected: Proof | None) -> None:
    answers = {"a": Holding.GONE, **HELD, "x": Holding.GONE}
    check = replace(ANSWERED, answers=answers, **more)
    assert proof(check, "a", 3) is expected
    assert verdict(check, "a", 3) is (HoldingsVerdict.GONE if expected else HoldingsVerdict.UNKNOWN)


def test_an_event_becomes_an_answer() -> None:
    event = ArticleRemoved(
        receipt_id=uuid4(),
        article_id="metabase:1",
        order=3,
        holder="search",
        removals=(CopyRemoval(copy_kind="content", outcome=Outcome.REMOVED),),
        answered_at=NOW,
        attempt=2,
    )
    answer = Answer.of(event, "http:search")
    assert (answer.order_no, answer.attempt, answer.removals) == (3, 2, {"content": Outcome.REMOVED})
