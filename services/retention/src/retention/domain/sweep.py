"""A sweep: one request to the owners of a class, which is sent until each has answered."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clawback_contracts.sweep.v1 import Action, SweepAnswer, SweepCompleted


@dataclass(frozen=True, slots=True)
class Sweep:
    """One request."""

    sweep_id: UUID
    data_class: str
    action: Action
    owners: tuple[str, ...]
    before: datetime | None
    dry_run: bool
    requested_at: datetime
    requested_by: str
    attempt: int = 1
    traceparent: str | None = None


def newest(answers: list[SweepAnswer]) -> list[SweepAnswer]:
    """Returns per sweep and owner the answer to the latest attempt; of several, the one that ended last."""
    found: dict[tuple[UUID, str], SweepAnswer] = {}
    for answer in answers:
        known = found.get((answer.sweep_id, answer.owner))
        if known is None or _rank(answer) > _rank(known):
            found[answer.sweep_id, answer.owner] = answer
    return sorted(found.values(), key=lambda answer: (answer.sweep_id, answer.owner))


def _rank(answer: SweepAnswer) -> tuple[int, datetime, bool]:
    return answer.attempt, answer.ended_at, isinstance(answer, SweepCompleted)
