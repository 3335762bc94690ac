"""Gaps of a feed: what a provider listed and, as far as can be known, never delivered to us."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from typing_extensions import override

from clawback_contracts.envelope import event_id

ABSENT_MIN = timedelta(hours=1)
"""Unread for so long beyond its interval, a feed may have left the provider's window: the provider is asked."""


@dataclass(frozen=True, slots=True)
class OldestEntry:
    """The oldest entry that the provider still holds: its sequence, and when it was harvested where it says so."""

    sequence: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries of a feed in a span of time, and between two cursors where these are known.

    Attributes:
        what: articles or revocations.
        since: the feed was read to its end then; None: it never was.
        until: from then on everything is read.
        between: the cursors.
    """

    what: str
    since: datetime | None
    until: datetime
    between: tuple[str, str] | None = None

    def identity(self, feed: str) -> UUID:
        """The same gap seen again is the same."""
        return event_id("feed_gap", feed, self.since.isoformat() if self.since else "", *(self.between or ()))

    @override
    def __str__(self) -> str:
        """Which entries these are."""
        since = f"{self.since:%Y-%m-%d %H:%M} UTC" if self.since else "the beginning"
        cursors = f", between {self.between[0]} and {self.between[1]}" if self.between else ""
        return f"{self.what} from {since} to {self.until:%Y-%m-%d %H:%M} UTC{cursors}"


def past_the_window(
    cursor: str | None,
    complete_at: datetime | None,
    oldest: OldestEntry | None,
    now: datetime,
    window: timedelta,
) -> Gap | None:
    """The articles that have left the provider's window since the feed was last read to its end.

    None is lost where the provider still holds the article at the cursor, or one from before that time.

    Args:
        cursor: of the last article that was read; None: it says nothing.
        complete_at: when the feed was last read to its end; None: never, so nothing is known to be missing.
        oldest: that the provider still holds; None: it holds nothing.
        now: the time.
        window: how far back the provider's feed reaches.
    """
    if complete_at is None:
        return None
    if oldest is None:
        return Gap("articles", complete_at, now - window) if now - window > complete_at else None
    if cursor is not None and oldest.sequence is not None and oldest.sequence <= int(cursor):
        return None
    if oldest.at is not None and oldest.at <= complete_at:
        return None
    return Gap("articles", complete_at, max(complete_at, oldest.at or now - window))
