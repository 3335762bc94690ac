"""The status of a submitted record, as its sender can query it."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """The recorded outcome of storing a record."""

    STORED = "stored"
    NOT_NEWER = "not_newer"
    TOO_OLD = "too_old"
    REVOKED = "revoked"


REFUSALS = {
    Outcome.NOT_NEWER: "The same or a newer version of this article is stored.",
    Outcome.TOO_OLD: "The article is older than the retention period.",
    Outcome.REVOKED: "This article was revoked: it is not stored until it is reinstated.",
}
"""Why a record was not stored, as text for its sender."""


class SubmissionState(StrEnum):
    """The state of a record."""

    UNKNOWN = "unknown"
    """The caller sent no record with this id, or more than 30 days ago."""
    ACCEPTED = "accepted"
    """Durable, and not yet stored as an article."""
    STORED = "stored"
    """The article is stored and not published: embargoed, withheld, revoked, or waiting to be sent."""
    PUBLISHED = "published"
    """The article, or a newer version of it, is on articles.v1."""
    REFUSED = "refused"


class SubmissionStanding(NamedTuple):
    """The present state of a stored record's article."""

    state: str
    """The article's state: live, withheld, embargoed or revoked."""
    waiting: bool
    """It waits to be sent to the broker."""
    noticed: bool
    """An open notice waits for its order: the article is not published until then."""
    failed: bool
    """The broker refuses its size."""


def state_of(outcome: Outcome, standing: SubmissionStanding | None) -> SubmissionState:
    """Returns the state of a processed record."""
    if outcome is not Outcome.STORED or standing is None:
        return SubmissionState.REFUSED
    held_back = standing.waiting or standing.noticed or standing.failed
    return SubmissionState.PUBLISHED if standing.state == "live" and not held_back else SubmissionState.STORED
