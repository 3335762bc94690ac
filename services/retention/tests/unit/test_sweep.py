"""Which answer of an owner is kept."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from clawback_contracts.sweep.v1 import Action, SweepCompleted, SweepFailed
from retention.domain.sweep import newest

AT = datetime(2026, 3, 8, 1, tzinfo=UTC)


def _completed(
    attempt: int, ended_s: int, removed: int = 0, sweep: int = 1, owner: str = "ingester"
) -> SweepCompleted:
    return SweepCompleted(**_common(attempt, ended_s, sweep, owner), found=removed, removed=removed)


def _failed(attempt: int, ended_s: int) -> SweepFailed:
    return SweepFailed(**_common(attempt, ended_s, 1, "ingester"), error="the archive is missing")


def _common(attempt: int, ended_s: int, sweep: int, owner: str) -> dict[str, object]:
    return {
        "sweep_id": UUID(int=sweep),
        "data_class": "articles",
        "owner": owner,
        "action": Action.DELETE,
        "started_at": AT,
        "ended_at": AT + timedelta(seconds=ended_s),
        "attempt": attempt,
    }


def test_the_answer_to_the_latest_attempt_counts_in_any_order() -> None:
    early, late = _completed(1, 90), _completed(2, 30)
    assert newest([early, late]) == newest([late, early]) == [late]


def test_the_last_ended_of_several_answers_to_an_attempt_counts() -> None:
    assert newest([_completed(1, 20), _failed(1, 10)]) == [_completed(1, 20)]
    assert newest([_completed(1, 10), _failed(1, 10)]) == newest([_failed(1, 10), _completed(1, 10)])


def test_each_sweep_and_owner_keeps_its_own_answer() -> None:
    answers = [_completed(1, 1, sweep=2), _completed(1, 1), _completed(1, 1, owner="analytics")]
    assert [(one.sweep_id.int, one.owner) for one in newest([*answers])] == [
        (1, "analytics"),
        (1, "ingester"),
        (2, "ingester"),
    ]
