"""Deadlines of orders, by reason."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from compliance.domain.notice import Notice, clock_start


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The time from the start of the clock to the removal of every copy."""

    usual: timedelta
    by_reason: Mapping[str, timedelta] = field(default_factory=dict)
    """Deadlines of the reasons that differ from the usual one: a court may allow less time than a licence."""

    def of(self, reason: str) -> timedelta:
        """Returns the deadline for a reason."""
        return self.by_reason.get(reason, self.usual)

    def due_at(self, notices: Iterable[Notice], now: datetime) -> datetime | None:
        """Returns when an order on these notices is due; the strictest notice counts. None: without notices."""
        return min((clock_start(one, now) + self.of(one.reason) for one in notices), default=None)
