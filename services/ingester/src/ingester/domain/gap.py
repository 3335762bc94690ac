"""Gaps of a feed: entries that a provider listed and probably never delivered."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from typing_extensions import override

from clawback_contracts.envelope import event_id

ABSENT_MIN = timedelta(hours=1)
"""If a feed was unread for this long beyond its interval, entries may have left the provider's window: it is asked."""


@dataclass(frozen=True, slots=True)
class OldestEntry:
    """The oldest entry that the provider still has: its sequence, and its harvest time if given."""

    sequence: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries of a feed within a time span, and between two cursors if these are known.

    Attributes:
        what: articles or revocations.
        since: When the feed was last read to its end; None: never.
        until: From this time on everything is read.
        between: The cursors.
    """

    what: str
    since: datetime | None
    until: datetime
    between: tuple[str, str] | None = None

    def identity(self, feed: str) -> UUID:
        """Returns the id of the gap; the same gap always has the same id."""
        return event_id("feed_gap", feed, self.since.isoformat() if self.since else "", *(self.between or ()))

    @override
    def __str__(self) -> str:
        """Returns which entries these are, as text."""
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
    """Returns the gap of articles that left the provider's window since the feed was last read to its end.

    There is no gap if the provider still has the article at the cursor, or an older one.

    Args:
        cursor: The cursor of the last article read; None: unknown.
        complete_at: When the feed was last read to its end; None: never, so nothing is known to be missing.
        oldest: The oldest entry that the provider still has; None: it has none.
        now: The current time.
        window: How far back the provider's feed reaches.
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
