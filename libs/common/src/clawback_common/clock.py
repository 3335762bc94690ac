"""The clock as an argument: code that needs the time gets a clock, so that a test can control it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Returns the current time in UTC, with its time zone."""

    def now(self) -> datetime:
        """Return the current time."""
        ...


class SystemClock:
    """The system clock."""

    def now(self) -> datetime:
        """Return the current time."""
        return datetime.now(UTC)
