"""What the provider answered to whom: counts of calls, and what each key received in successful answers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

Positions = range | list[int]
"""Positions on the feed, or in the log of revocations."""


@dataclass(slots=True)
class Calls:
    """An endpoint's calls: all, successful ones, those rejected for the pause, FAILUREs by code, injected by mode.

    ``hasty``: those that arrived before the requested wait (Retry-After) was over.
    """

    total: int = 0
    ok: int = 0
    paused: int = 0
    hasty: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    at: list[tuple[float, str]] = field(default_factory=list)
    """When each arrived, by the provider's clock, and its cursor, "" for none."""


@dataclass(slots=True)
class Consumer:
    """One reader: a key at an endpoint, and its slice (`2/4`) if it reads one."""

    calls: int = 0
    last_cursor: str | None = None
    next_cursor: str | None = None
    caught_up: bool = False
    served: list[Positions] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Entries that were delivered, repeats included."""
        return sum(map(len, self.served))


UNITS = {"MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
"""The periods of a key's quotas, in seconds."""

ConsumerKey = tuple[str, str, str]
"""Key, endpoint, slice ("" without slices)."""


class Ledger:
    """Every call since the last reset."""

    def __init__(self) -> None:
        self.calls: dict[str, Calls] = {}
        self.consumers: dict[ConsumerKey, Consumer] = {}
        self.last_call_at: dict[ConsumerKey, float] = {}
        self.rest_until: dict[str, float] = {}
        """By key: the end of the requested wait (Retry-After)."""
        self._searches: dict[tuple[str, str, int], int] = {}

    def endpoint(self, name: str) -> Calls:
        """Returns the counts of an endpoint."""
        return self.calls.setdefault(name, Calls())

    def consumer(self, who: ConsumerKey) -> Consumer:
        """Returns a reader; created at its first call."""
        return self.consumers.setdefault(who, Consumer())

    def positions(self, endpoints: Sequence[str]) -> set[int]:
        """Returns everything that any key received from these endpoints."""
        return {
            position
            for (_, endpoint, _), consumer in self.consumers.items()
            if endpoint in endpoints
            for page in consumer.served
            for position in page
        }

    def searched(self, key: str, now: float) -> None:
        """Counts a search against the key's quotas."""
        for unit, seconds in UNITS.items():
            slot = key, unit, int(now // seconds)
            self._searches[slot] = self._searches.get(slot, 0) + 1

    def searches(self, key: str, now: float) -> dict[str, int]:
        """Returns the searches of a key in the clock's current minute, hour and day."""
        return {
            unit: self._searches.get((key, unit, int(now // seconds)), 0) for unit, seconds in UNITS.items()
        }
