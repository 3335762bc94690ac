"""Ages as text: ``30 days``, ``2 years``. Months and years are calendar months and years, in UTC."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from typing_extensions import override

_WRITTEN = re.compile(r"([1-9][0-9]{0,4}) +(minute|hour|day|week|month|year)s?")
_SPANS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_MONTHS = {"month": 1, "year": 12}
_AT = datetime(2024, 1, 1, tzinfo=UTC)
"""The date from which ages are compared; months differ in length, so a date is needed."""
YEARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Age:
    """A number of units, at least one."""

    count: int
    unit: str
    """minute, hour, day, week, month or year."""

    @override
    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'s' if self.count > 1 else ''}"

    @property
    def short(self) -> bool:
        """Whether its unit is shorter than a day, which is accepted for trials only."""
        return self.unit in {"minute", "hour"}

    def before(self, now: datetime) -> datetime:
        """Returns the instant that is this long before; older data is dated before it.

        If the month has no such day, its last day is used: a year before 29 February is 28 February.
        """
        if self.unit in _SPANS:
            return now.astimezone(UTC) - self.count * _SPANS[self.unit]
        then = now.astimezone(UTC)
        year, month = divmod(then.year * 12 + then.month - 1 - self.count * _MONTHS[self.unit], 12)
        day = min(then.day, monthrange(year, month + 1)[1])
        return then.replace(year=year, month=month + 1, day=day)

    def is_under(self, least: "Age") -> bool:
        """Whether it is shorter than the other."""
        return self.before(_AT) > least.before(_AT)


def age(written: str) -> Age | None:
    """Parses an age; None if it is invalid or longer than a hundred years."""
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        return None
    read = Age(int(found[1]), found[2])
    years = read.count * _MONTHS.get(read.unit, 0) / 12
    return None if years > YEARS_MAX or Age(YEARS_MAX, "year").is_under(read) else read
