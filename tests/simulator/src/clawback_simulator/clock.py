"""The provider's clock: right at first, then as the script wants it."""

import time
from datetime import UTC, datetime


class SimulatedClock:
    """Seconds since 1970, shifted or stopped by the script."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._frozen_at: float | None = None

    def timestamp(self) -> float:
        """The provider's time."""
        if self._frozen_at is not None:
            return self._frozen_at
        return time.time() + self._offset_s

    def now(self) -> datetime:
        """The same as an aware datetime, UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def advance(self, seconds: float) -> None:
        """Move on, or back; a stopped clock stays stopped."""
        if self._frozen_at is not None:
            self._frozen_at += seconds
        self._offset_s += seconds

    def set(self, at: datetime, *, frozen: bool) -> None:
        """Show this time now, and for ever when frozen."""
        self._offset_s = at.timestamp() - time.time()
        self._frozen_at = at.timestamp() if frozen else None


def iso(timestamp: float) -> str:
    """A moment as the provider writes it: UTC, to the second."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
