"""Feeds: entries of revocation lists, results of polls, and the identity of a cursor."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from clawback_contracts.envelope import event_id

_SLICE: Final = re.compile(r"-[0-9]+of[0-9]+$")
FULL_PAGES_MAX = 10
"""This number of consecutive full pages shows that polling is slower than the feed."""


class Origin(NamedTuple):
    """The owner of a cursor: the provider's address, and a fingerprint of our key."""

    endpoint: str
    key_digest: str

    def differs(self, former: "Origin") -> str:
        """Returns the difference from the former origin as text."""
        if self.endpoint != former.endpoint:
            return f"the address was {former.endpoint} and is {self.endpoint}"
        return f"the key for {self.endpoint} changed"


@dataclass(frozen=True, slots=True)
class RevokedEntry:
    """An id on a provider's list of revocations."""

    article_id: str
    sequence: str | None
    revoked_at: datetime | None

    def notice_id(self, feed: str, reinstated_order: int | None) -> UUID:
        """Returns the notice id; the same entry always has the same id.

        A list without sequence numbers does not distinguish an old entry from a new one. So after a reinstatement
        (``reinstated_order``) an entry without a number counts as new: a superfluous takedown is better than a missing
        one.
        """
        mark = self.sequence or (
            self.revoked_at.isoformat() if self.revoked_at else f"after {reinstated_order or 0}"
        )
        return event_id("notice", feed, self.article_id, mark)


@dataclass(frozen=True, slots=True)
class PollResult:
    """The result of one poll of a feed."""

    poll_id: UUID
    feed: str
    pages: int = 0
    received: int = 0
    noticed: int = 0
    too_old: int = 0
    """Articles refused because they are older than the retention floor."""
    caught_up: bool = False
    error: str | None = None


def hours_left(window_h: float, behind_h: float) -> float:
    """Returns how many hours remain until unread entries leave the provider's window."""
    return max(0.0, window_h - behind_h)


def name_of_slice(feed: str, number: int, slices: int) -> str:
    """Returns the name of one slice of a feed that several clients share."""
    return f"{feed}-{number}of{slices}"


def without_slice(name: str) -> str:
    """Returns the name of the feed without its slice, also for slices of a former configuration."""
    return _SLICE.sub("", name)
