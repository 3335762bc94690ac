"""Feeds: what a provider lists as revoked, and how a feed is doing."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from clawback_contracts.envelope import event_id

_SLICE: Final = re.compile(r"-[0-9]+of[0-9]+$")
FULL_PAGES_MAX = 10
"""So many full pages in a row mean that polling is slower than the feed."""


class Origin(NamedTuple):
    """What a cursor belongs to: the provider's address, and our key there, by a mark that does not give it away."""

    endpoint: str
    key_mark: str

    def differs(self, former: "Origin") -> str:
        """How it differs from the one before, in words."""
        if self.endpoint != former.endpoint:
            return f"the address was {former.endpoint} and is {self.endpoint}"
        return f"the key for {self.endpoint} is another one"


@dataclass(frozen=True, slots=True)
class RevokedEntry:
    """An id on a provider's list of revocations."""

    article_id: str
    sequence: str | None
    revoked_at: datetime | None

    def notice_id(self, feed: str, reinstated_order: int | None) -> UUID:
        """The same entry seen again is the same notice.

        A list without sequence numbers cannot tell an old entry from a new one, so after a reinstatement
        (``reinstated_order``) an entry without number counts as new: rather one takedown too many.
        """
        mark = self.sequence or (
            self.revoked_at.isoformat() if self.revoked_at else f"after {reinstated_order or 0}"
        )
        return event_id("notice", feed, self.article_id, mark)


@dataclass(frozen=True, slots=True)
class PollResult:
    """One pass over a feed."""

    poll_id: UUID
    feed: str
    pages: int = 0
    received: int = 0
    noticed: int = 0
    too_old: int = 0
    """Articles that were refused, for what is so old was swept."""
    caught_up: bool = False
    error: str | None = None


def hours_left(window_h: float, behind_h: float) -> float:
    """How long until what we have not read yet leaves the provider's window."""
    return max(0.0, window_h - behind_h)


def name_of_slice(feed: str, number: int, slices: int) -> str:
    """The name of one slice of a feed that clients share."""
    return f"{feed}-{number}of{slices}"


def without_slice(name: str) -> str:
    """The name of the feed that this one is a slice of, or was before there were more slices or fewer."""
    return _SLICE.sub("", name)
