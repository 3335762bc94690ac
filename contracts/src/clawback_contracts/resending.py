"""When something that was not answered is sent again. Receivers must expect the repetitions."""

from datetime import datetime, timedelta
from typing import NamedTuple

STEPS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class ResendSchedule(NamedTuple):
    """After 1, 5 and 15 minutes, then every hour; with ``hourly_for_h``, every day after so many hours."""

    hourly_for_h: int | None = None

    def next_at(self, start: datetime, now: datetime) -> datetime:
        """Returns the first time after ``now``.

        The times count from ``start`` and not from the last sending, so a repetition does not move them.
        """
        for step in STEPS:
            if start + step > now:
                return start + step
        hourly = self.hourly_for_h is None or now - start < self.hourly_for_h * HOUR
        every = HOUR if hourly else DAY
        return start + ((now - start) // every + 1) * every

    @property
    def delays(self) -> tuple[timedelta, ...]:
        """The delay after each attempt, where it counts from the last one; the last delay repeats."""
        if self.hourly_for_h is None:
            return (*STEPS, HOUR)
        return (*STEPS, *[HOUR] * self.hourly_for_h, DAY)


HOURLY = ResendSchedule()
"""For notices, requests to sweep and notifications."""
ORDERS = ResendSchedule(hourly_for_h=72)
"""For orders: after three days a person must act."""
