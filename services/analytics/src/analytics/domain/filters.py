"""Which articles a query counts."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, tzinfo=UTC)


class Period(NamedTuple):
    """From an instant to another, which is not included.

    Whole days, in UTC, are counted already; what is left at the ends is not.
    """

    since: datetime = FIRST
    until: datetime = LAST

    @property
    def days(self) -> tuple[date, date]:
        """The first whole day, and the day after the last one."""
        first = self.since.date() if self.since == _midnight(self.since) else self.since.date() + DAY
        return first, max(first, self.until.date())

    @property
    def ends(self) -> list[tuple[datetime, datetime]]:
        """What is left outside the whole days: up to two periods of less than a day."""
        first, after = self.days
        if self.until <= (opening := _midnight(first)):
            return [self] if self.since < self.until else []
        ends = [(self.since, opening), (_midnight(after), self.until)]
        return [(start, end) for start, end in ends if start < end]

    def before(self, instant: datetime) -> "Period":
        """Returns the part of the period before an instant."""
        return self._replace(until=max(self.since, min(self.until, instant)))


class CountFilter(NamedTuple):
    """Which articles a query counts."""

    period: Period = Period()
    """By publication."""
    language: str | None = None
    source: str | None = None
    licence: str | None = None
    """One of an article's licences."""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
