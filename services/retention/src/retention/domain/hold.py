"""Legal holds. A hold protects as soon as it is placed. Ending it takes two people.

A hold affects sweeps only: it never makes revoked content readable and never blocks a takedown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from clawback_contracts.sweep.v1 import HELD_IDS_MAX, Hold

HOLDS_MAX = 1_000
"""Maximum number of holds in force on one class that a request can carry."""
BYTES_MAX = 900_000
"""Maximum size of all holds in one request: consumers accept values of 1,000,000 bytes, which long ids reach before
their maximum number of 10,000.
"""


class State(StrEnum):
    """The state of a hold."""

    PLACED = "placed"
    """In force; not yet confirmed by a second person."""
    CONFIRMED = "confirmed"
    LIFTING = "lifting"
    """In force; its end was requested and is not yet confirmed by a second person."""
    LIFTED = "lifted"
    WITHDRAWN = "withdrawn"
    """Taken back by the person who placed it, before it was confirmed."""

    @property
    def in_force(self) -> bool:
        """Whether sweeps must keep the records it covers."""
        return self in {State.PLACED, State.CONFIRMED, State.LIFTING}


@dataclass(frozen=True, slots=True)
class LegalHold:
    """A hold: what it protects, and who placed and confirmed it."""

    hold_id: UUID
    data_class: str
    article_ids: tuple[str, ...]
    """Empty: a span of time, or everything."""
    dated_from: datetime | None
    dated_until: datetime | None
    state: State
    placed_by: str
    confirmed_by: str | None = None
    lift_requested_by: str | None = None

    def for_owners(self) -> Hold:
        """Returns the hold as sent to owners."""
        return Hold.model_validate(self, from_attributes=True)

    @classmethod
    def from_owner(cls, data_class: str, hold: Hold, owner: str) -> "LegalHold":
        """Returns a hold that an owner knows and retention does not, for example after a restore.

        It is in force until two people end it.
        """
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
class HoldRejected:
    """An action that is rejected, and why."""

    reason: str
    same_person: bool = False
    """Another person may do it."""


def confirm(hold: LegalHold, by: str) -> State | HoldRejected:
    """Returns the state after a second person's confirmation: of a placed hold, or of its requested end."""
    match hold.state:
        case State.PLACED if by == hold.placed_by:
            return HoldRejected("A second person must confirm it; it is already in force.", same_person=True)
        case State.PLACED:
            return State.CONFIRMED
        case State.LIFTING if by == hold.lift_requested_by:
            return HoldRejected(
                "A second person must confirm its end; it is in force until then.", same_person=True
            )
        case State.LIFTING:
            return State.LIFTED
        case State.CONFIRMED:
            return HoldRejected("it is already confirmed, and its end was not requested")
        case State.LIFTED | State.WITHDRAWN:
            return HoldRejected("it is no longer in force")


def end(hold: LegalHold, by: str) -> State | HoldRejected:
    """Returns the state after a request to end the hold.

    Only the person who placed it can take it back alone, and only before it is confirmed.
    """
    match hold.state:
        case State.PLACED if by == hold.placed_by:
            return State.WITHDRAWN
        case State.PLACED | State.CONFIRMED:
            return State.LIFTING
        case State.LIFTING:
            return HoldRejected("its end was already requested, and waits for a second person")
        case State.LIFTED | State.WITHDRAWN:
            return HoldRejected("it is no longer in force")


def keep(hold: LegalHold) -> State | HoldRejected:
    """Returns the state after a requested end was rejected: the state before the request."""
    if hold.state is not State.LIFTING:
        return HoldRejected("its end was not requested")
    return State.CONFIRMED if hold.confirmed_by else State.PLACED


def too_many(in_force: Sequence[LegalHold]) -> str | None:
    """Returns why the holds do not fit into one request, or None.

    An owner that got only some would delete held records.
    """
    ids = sum(len(hold.article_ids) for hold in in_force)
    if ids > HELD_IDS_MAX:
        return f"the holds in force on this class would name {ids} articles, and {HELD_IDS_MAX} fit into a request"
    if len(in_force) > HOLDS_MAX:
        return f"{HOLDS_MAX} holds are in force on this class, and no more fit into a request"
    if sum(len(hold.for_owners().model_dump_json()) for hold in in_force) > BYTES_MAX:
        return f"the ids of the holds in force on this class would exceed the {BYTES_MAX} bytes of a request"
    return None
