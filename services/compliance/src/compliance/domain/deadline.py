"""How long an order may take, by the reason for it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from compliance.domain.notice import Notice, clock_start


@dataclass(frozen=True, slots=True)
class Deadlines:
    """From the start of the clock to the end of every copy."""

    usual: timedelta
    by_reason: Mapping[str, timedelta] = field(default_factory=dict)
    """For reasons whose deadline is another one: a court may give less than a licence."""

    def of(self, reason: str) -> timedelta:
        """That of a reason."""
        return self.by_reason.get(reason, self.usual)

    def due_at(self, notices: Iterable[Notice], now: datetime) -> datetime | None:
        """When an order on these notices is due: the strictest of them counts. None: there is none."""
        return min((clock_start(one, now) + self.of(one.reason) for one in notices), default=None)
