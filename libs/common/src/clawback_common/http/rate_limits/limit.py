"""Limits, as an operator writes them: the name of a preset, or requests per minute."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

MINUTE_US: Final = 60_000_000
BURST_SHARE: Final = 10
"""A bucket has at least a tenth of its requests per minute, so that a client may send those of six seconds at once."""

Preset = Literal["strict", "standard", "search", "lenient", "webhook", "internal"]
PerMinute = Annotated[int, Field(ge=1, le=MINUTE_US)]
WrittenLimit: TypeAlias = Preset | PerMinute
PRESETS: Final[dict[str, int]] = {
    "strict": 10,
    "search": 200,
    "lenient": 500,
    "webhook": 1_000,
    "internal": 6_000,
}
"""Requests per minute. Those of ``standard`` are settings. ``internal`` is for paths that our own services call."""


@dataclass(frozen=True, slots=True, order=True)
class Limit:
    """A token bucket: this many requests per minute on average, and this many at once."""

    per_minute: float
    burst: int

    @classmethod
    def of(cls, per_minute: float, burst_min: int) -> "Limit":
        """Return the limit with the burst of its rate, at least `burst_min`."""
        return cls(per_minute, max(burst_min, int(per_minute / BURST_SHARE)))

    @property
    def quota(self) -> int:
        """The requests per minute as a whole number, for headers."""
        return max(1, round(self.per_minute))

    @property
    def token_us(self) -> int:
        """The microseconds in which one token is added."""
        return max(1, round(MINUTE_US / self.per_minute))

    @property
    def fill_us(self) -> int:
        """The microseconds in which an empty bucket becomes full."""
        return self.token_us * self.burst


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that a request takes a token from.

    Attributes:
        name: of the budget, for headers and metrics.
        key: of the bucket in the store.
        limit: its rate and size.
    """

    name: str
    key: str
    limit: Limit
