"""Legal holds. One protects from the moment it is placed; it ends only when two people wanted that.

A hold speaks to sweeps alone: it never makes a revoked text readable, and never stops a takedown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from clawback_contracts.sweep.v1 import HELD_IDS_MAX, Hold

HOLDS_MAX = 1_000
"""In force on one class, as many as a request may carry."""
BYTES_MAX = 900_000
"""Of all holds in one request: a reader takes values of 1,000,000 bytes, and long ids reach that before 10,000."""


class State(StrEnum):
    """How far a hold is."""

    PLACED = "placed"
    """In force; a second person has not confirmed it yet."""
    CONFIRMED = "confirmed"
    LIFTING = "lifting"
    """In force; somebody asked for its end, and a second person has not confirmed that yet."""
    LIFTED = "lifted"
    WITHDRAWN = "withdrawn"
    """Taken back by who placed it, before anybody had confirmed it."""

    @property
    def in_force(self) -> bool:
        """Whether sweeps must spare what it names."""
        return self in {State.PLACED, State.CONFIRMED, State.LIFTING}


@dataclass(frozen=True, slots=True)
class LegalHold:
    """What a hold protects, and whose word it stands on."""

    hold_id: UUID
    data_class: str
    article_ids: tuple[str, ...]
    """Empty: a span, or everything."""
    dated_from: datetime | None
    dated_until: datetime | None
    state: State
    placed_by: str
    confirmed_by: str | None = None
    lift_asked_by: str | None = None

    def for_owners(self) -> Hold:
        """What an owner must know of it."""
        return Hold(
            hold_id=self.hold_id,
            article_ids=self.article_ids,
            dated_from=self.dated_from,
            dated_until=self.dated_until,
            placed_by=self.placed_by,
            confirmed_by=self.confirmed_by,
        )

    @classmethod
    def adopted(cls, data_class: str, hold: Hold, owner: str) -> "LegalHold":
        """A hold that an owner knows and we do not, as after a restore: in force until two people end it."""
        return cls(
            hold_id=hold.hold_id,
            data_class=data_class,
            article_ids=hold.article_ids,
            dated_from=hold.dated_from,
            dated_until=hold.dated_until,
            state=State.PLACED,
            placed_by=hold.placed_by or owner,
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """It cannot be, and why."""

    words: str
    same_person: bool = False
    """The state would allow it, to somebody else."""


def confirm(hold: LegalHold, by: str) -> State | Refused:
    """What a second person's word makes of it: a placed one is confirmed, a lift takes effect."""
    match hold.state:
        case State.PLACED if by == hold.placed_by:
            return Refused(
                "A second person must confirm it; until then it protects all the same.", same_person=True
            )
        case State.PLACED:
            return State.CONFIRMED
        case State.LIFTING if by == hold.lift_asked_by:
            return Refused("A second person must confirm its end; until then it holds.", same_person=True)
        case State.LIFTING:
            return State.LIFTED
        case State.CONFIRMED:
            return Refused("it is confirmed already, and nobody has asked for its end")
        case State.LIFTED | State.WITHDRAWN:
            return Refused("it is no longer in force")


def end(hold: LegalHold, by: str) -> State | Refused:
    """What asking for its end makes of it.

    Only who placed it can take it back alone, and only while nobody has confirmed it.
    """
    match hold.state:
        case State.PLACED if by == hold.placed_by:
            return State.WITHDRAWN
        case State.PLACED | State.CONFIRMED:
            return State.LIFTING
        case State.LIFTING:
            return Refused("its end has been asked for already, and waits for a second person")
        case State.LIFTED | State.WITHDRAWN:
            return Refused("it is no longer in force")


def keep(hold: LegalHold) -> State | Refused:
    """What refusing its end makes of it: it is what it was before."""
    if hold.state is not State.LIFTING:
        return Refused("nobody has asked for its end")
    return State.CONFIRMED if hold.confirmed_by else State.PLACED


def too_many(in_force: Sequence[LegalHold]) -> str | None:
    """Why these are too many for one request, or None: an owner that got some of them would sweep what is held."""
    ids = sum(len(hold.article_ids) for hold in in_force)
    if ids > HELD_IDS_MAX:
        return f"the holds in force on this class would name {ids} articles, and {HELD_IDS_MAX} fit into a request"
    if len(in_force) > HOLDS_MAX:
        return f"{HOLDS_MAX} holds are in force on this class, and no more fit into a request"
    if sum(len(hold.for_owners().model_dump_json()) for hold in in_force) > BYTES_MAX:
        return f"the ids of the holds in force on this class would be more than the {BYTES_MAX} bytes of a request"
    return None
