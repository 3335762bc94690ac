"""A hold is in force when it is placed, and two people are needed to end it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from clawback_contracts.sweep.v1 import Hold
from retention.domain.hold import HoldRejected, LegalHold, State, confirm, end, keep, too_many


def _hold(state: State, **more: object) -> LegalHold:
    fields: dict[str, object] = {
        "hold_id": uuid4(),
        "data_class": "articles",
        "article_ids": (),
        "dated_from": None,
        "dated_until": None,
        "state": state,
        "placed_by": "ann",
    }
    return LegalHold(**(fields | more))  # type: ignore[arg-type]


def test_a_hold_is_in_force_until_its_end_is_confirmed() -> None:
    assert {state for state in State if state.in_force} == {State.PLACED, State.CONFIRMED, State.LIFTING}


def test_only_a_second_person_can_confirm_a_hold() -> None:
    assert confirm(_hold(State.PLACED), "bob") is State.CONFIRMED
    rejected = confirm(_hold(State.PLACED), "ann")
    assert isinstance(rejected, HoldRejected)
    assert rejected.same_person


def test_a_requested_end_takes_effect_only_when_another_person_confirms_it() -> None:
    lifting = _hold(State.LIFTING, confirmed_by="bob", lift_requested_by="bob")
    rejected = confirm(lifting, "bob")
    assert isinstance(rejected, HoldRejected)
    assert rejected.same_person
    assert confirm(lifting, "ann") is State.LIFTED


@pytest.mark.parametrize(
    ("state", "by", "then"),
    [
        (State.PLACED, "ann", State.WITHDRAWN),
        (State.PLACED, "bob", State.LIFTING),
        (State.CONFIRMED, "ann", State.LIFTING),
        (State.CONFIRMED, "bob", State.LIFTING),
    ],
)
def test_only_the_person_who_placed_a_hold_can_withdraw_it_and_only_before_confirmation(
    state: State, by: str, then: State
) -> None:
    assert end(_hold(state), by) is then


def test_a_rejected_end_restores_the_previous_state() -> None:
    assert keep(_hold(State.LIFTING, confirmed_by="bob")) is State.CONFIRMED
    assert keep(_hold(State.LIFTING)) is State.PLACED


@pytest.mark.parametrize("state", [State.LIFTED, State.WITHDRAWN])
def test_an_ended_hold_stays_ended(state: State) -> None:
    hold = _hold(state)
    answers = [confirm(hold, "bob"), end(hold, "bob"), keep(hold)]
    assert all(isinstance(answer, HoldRejected) and not answer.same_person for answer in answers)


def test_nothing_is_confirmed_or_requested_twice() -> None:
    assert isinstance(confirm(_hold(State.CONFIRMED), "eve"), HoldRejected)
    assert isinstance(end(_hold(State.LIFTING, lift_requested_by="bob"), "bob"), HoldRejected)
    assert isinstance(keep(_hold(State.CONFIRMED)), HoldRejected)


def test_owners_receive_only_what_they_need_of_a_hold() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hold = _hold(State.PLACED, hold_id=UUID(int=1), dated_from=start)
    assert hold.for_owners() == Hold(hold_id=UUID(int=1), dated_from=start, placed_by="ann")


def test_more_ids_than_fit_into_a_request_are_too_many() -> None:
    half = _hold(State.PLACED, article_ids=tuple(f"metabase:{n}" for n in range(5_000)))
    assert too_many([half, half]) is None
    assert "10001 articles" in (too_many([half, half, _hold(State.PLACED, article_ids=("a:1",))]) or "")


def test_ids_are_also_limited_by_their_total_length() -> None:
    long = tuple(f"partner:{n:0>200}" for n in range(5_000))
    assert "900000 bytes" in (too_many([_hold(State.PLACED, article_ids=long)]) or "")


def test_more_holds_than_a_request_carries_are_too_many() -> None:
    assert too_many([_hold(State.PLACED)] * 1_000) is None
    assert "1000 holds" in (too_many([_hold(State.PLACED)] * 1_001) or "")
