"""What becomes of a submitted record, as its sender may ask."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What storing a record made of it; recorded with it."""

    STORED = "stored"
    NOT_NEWER = "not_newer"
    TOO_OLD = "too_old"
    REVOKED = "revoked"


REFUSALS = {
    Outcome.NOT_NEWER: "The same or a newer text of this article is held.",
    Outcome.TOO_OLD: "It dates from before what is kept.",
    Outcome.REVOKED: "This article was revoked: no text of it is stored until it is reinstated.",
}
"""Why a record was not stored, in words."""


class SubmissionState(StrEnum):
    """How far a record is."""

    UNKNOWN = "unknown"
    """No record of this id has come from the caller, or it came more than 30 days ago."""
    ACCEPTED = "accepted"
    """Durable, and not yet stored as an article."""
    STORED = "stored"
    """Its text is stored; it is not published: embargoed, withheld, revoked, or on its way."""
    PUBLISHED = "published"
    """Its text, or a newer one of the article, is on articles.v1."""
    REFUSED = "refused"


class SubmissionStanding(NamedTuple):
    """Where the article of a stored record is now."""

    state: str
    """Of the article: live, withheld, embargoed, revoked."""
    waiting: bool
    """It waits to be sent to the broker."""
    noticed: bool
    """A notice on it waits for its order: it is not published until then."""
    failed: bool
    """The broker refuses its size."""


def state_of(outcome: Outcome, standing: SubmissionStanding | None) -> SubmissionState:
    """How far a record is that was dealt with."""
    if outcome is not Outcome.STORED or standing is None:
        return SubmissionState.REFUSED
    held_back = standing.waiting or standing.noticed or standing.failed
    return SubmissionState.PUBLISHED if standing.state == "live" and not held_back else SubmissionState.STORED
