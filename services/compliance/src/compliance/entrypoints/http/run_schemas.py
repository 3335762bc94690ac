"""Responses about runs, with the definition of each figure."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Json

from clawback_common.postgres.pool import Row

BROUGHT = "orders that answer notices from the polls of this run, also if an earlier poll brought them"
OTHERS = "orders of any other notice (an officer's, a licensor's, an upstream system's)"
BY_TIME = "holders of the kind expiry, whose obligations are closed by time"
_COUNTED = {
    "noticed": (
        "notices from the polls of this run, each as counted by its feed when it had caught up",
        "notices from any other source",
    ),
    "closed": (f"obligations of {BROUGHT}: verified or superseded", f"{OTHERS}; {BY_TIME}"),
    "open": (
        f"obligations of {BROUGHT}: open, notified or removed; and notices from the polls that are not recorded",
        f"{OTHERS}; {BY_TIME}. They are in open_in_all, and in the obligations of /compliance/status",
    ),
    "overdue": (
        "obligations of every order that were past due, whatever the source of its notice",
        f"orders that only withhold; {BY_TIME}",
    ),
    "open_in_all": (
        "obligations of every order that were not closed, whatever the source of its notice",
        BY_TIME,
    ),
}
"""What each figure includes and excludes."""


class Figure(BaseModel):
    """One figure of a run."""

    value: int | None
    """Null: the run did not reach this step, or ran before this figure existed."""
    counted_at: datetime | None
    """The time of the count; later changes are not included."""
    includes: str
    excludes: str


class PollAnswer(BaseModel):
    """One poll of a feed."""

    feed: str
    poll_id: UUID
    noticed: int


class RunAnswer(BaseModel):
    """One run of the daily check."""

    run_id: UUID
    cause: str
    requested_by: str
    requested_at: datetime
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


class RunExplained(RunAnswer):
    """One run with the definition of each figure."""

    counts: dict[str, Figure]
    """The figures above by name."""


class RunRequested(BaseModel):
    """A run that a worker will start."""

    run_id: UUID
    state: Literal["requested"] = "requested"
    mock: bool
    """True: the run will not be evidence."""


def run_explained(row: Row) -> RunExplained:
    """Returns a run with the definition of each of its figures."""
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
