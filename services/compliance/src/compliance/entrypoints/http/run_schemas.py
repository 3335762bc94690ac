"""A run as it is answered: its figures, and why each counts as it does."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Json

from clawback_common.postgres.pool import Row

BROUGHT = (
    "orders that answer notices which the polls of this run brought, also where an earlier poll brought them"
)
OTHERS = "orders of any other notice (an officer's, a licensor's, an upstream system's)"
BY_TIME = "holders of the kind expiry, which time closes"
_COUNTED = {
    "noticed": (
        "notices that the polls of this run brought, each as its feed counted it when it had caught up",
        "notices that came by any other way",
    ),
    "closed": (f"obligations of {BROUGHT}: verified or superseded", f"{OTHERS}; {BY_TIME}"),
    "open": (
        f"obligations of {BROUGHT}: open, notified or removed; and notices that were brought and not recorded",
        f"{OTHERS}; {BY_TIME}. They are in open_in_all, and now in the obligations of /compliance/status",
    ),
    "overdue": (
        "obligations of every order that were past due, whatever brought its notice",
        f"orders that only withhold; {BY_TIME}",
    ),
    "open_in_all": ("obligations of every order that were not closed, whatever brought its notice", BY_TIME),
}
"""What each figure includes and excludes."""


class Figure(BaseModel):
    """One figure of a run."""

    value: int | None
    """Null: the run did not get so far, or was made before this was counted."""
    counted_at: datetime | None
    """The instant for which it holds; what was closed or ordered later is not in it."""
    includes: str
    excludes: str


class PollAnswer(BaseModel):
    """A pass over one feed."""

    feed: str
    poll_id: UUID
    noticed: int


class RunAnswer(BaseModel):
    """One run of the daily check."""

    run_id: UUID
    cause: str
    asked_by: str
    asked_at: datetime
    state: Literal["requested", "running", "completed", "failed"]
    outcome: str | None
    started_at: datetime | None
    ended_at: datetime | None
    polls: Json[list[PollAnswer]]
    noticed: int | None
    closed: int | None
    open: int | None
    overdue: int | None
    open_in_all: int | None
    mock: bool
    error: str | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls.model_validate(dict(row))


class RunExplained(RunAnswer):
    """One run, and why it counts as it does."""

    counts: dict[str, Figure]
    """Of each figure above, by its name."""


class RunRequested(BaseModel):
    """A run that a worker begins soon."""

    run_id: UUID
    state: Literal["requested"] = "requested"
    mock: bool
    """True: it will be no evidence."""


def run_explained(row: Row) -> RunExplained:
    """A run with the meaning of each of its figures."""
    counts = {
        name: Figure(
            value=row[name],
            counted_at=None if row[name] is None else row["ended_at"],
            includes=includes,
            excludes=excludes,
        )
        for name, (includes, excludes) in _COUNTED.items()
    }
    return RunExplained.model_validate({**row, "counts": counts})
