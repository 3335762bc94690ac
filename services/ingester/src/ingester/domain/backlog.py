"""Whether many articles wait to be stored: other work on articles then waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MANY = 200
"""Articles stored at once; without a backlog a batch has fewer."""
LINGERS = timedelta(seconds=2)
"""The next batch follows sooner."""


@dataclass(slots=True)
class Backlog:
    """What this process stored last."""

    _many_at: datetime | None = None

    def stored(self, articles: int, at: datetime) -> None:
        """Notes that this many articles were stored at once."""
        if articles >= MANY:
            self._many_at = at

    def exists(self, now: datetime) -> bool:
        """Returns whether a large batch was stored a moment ago."""
        return self._many_at is not None and now - self._many_at < LINGERS
