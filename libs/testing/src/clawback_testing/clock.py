"""A clock that moves only when a test moves it."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at an instant in 2026 unless told otherwise."""

    def __init__(self, now: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant it was moved to."""
        return self._now

    def advance(self, **by: float) -> datetime:
        """Moves on, with the arguments of ``timedelta``."""
        self._now += timedelta(**by)
        return self._now
