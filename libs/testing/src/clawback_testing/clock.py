"""A clock that only the test moves."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at an instant in 2026, or at the given one."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the instant that it was set to."""
        return self._now

    def advance(self, **by: float) -> datetime:
        """Move forward; the arguments are those of ``timedelta``."""
        self._now += timedelta(**by)
        return self._now
