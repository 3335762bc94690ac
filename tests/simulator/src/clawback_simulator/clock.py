"""The provider's clock: real time at first, then as set by the script."""

import time
from datetime import UTC, datetime


class SimulatedClock:
    """Seconds since 1970, shifted or stopped by the script."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._frozen_at: float | None = None

    def timestamp(self) -> float:
        """Returns the provider's time."""
        if self._frozen_at is not None:
            return self._frozen_at
        return time.time() + self._offset_s

    def now(self) -> datetime:
        """Returns the same as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def advance(self, seconds: float) -> None:
        """Moves forward or back; a stopped clock stays stopped."""
        if self._frozen_at is not None:
            self._frozen_at += seconds
        self._offset_s += seconds

    def set(self, at: datetime, *, frozen: bool) -> None:
        """Sets the time; if frozen, it does not advance."""
        self._offset_s = at.timestamp() - time.time()
        self._frozen_at = at.timestamp() if frozen else None


def iso(timestamp: float) -> str:
    """Formats a time like the provider: UTC, to the second."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
