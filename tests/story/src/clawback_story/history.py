"""The history of the scenario, recorded as it happens; the checkers evaluate it afterwards."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """A deliberate fault."""

    what: str
    at: datetime
    in_flight: int
    """Revocations or articles in flight at that moment; 0 proves nothing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Garbage sent to an interface that answers, and the answer."""

    source: str
    what: str
    expected: tuple[int, ...]
    got: int

    @property
    def right(self) -> bool:
        """Whether the answer is as documented."""
        return self.got in self.expected


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Garbage published on a topic."""

    group: str
    """The service that must have a dead letter for it."""
    topic: str
    partition: int
    offset: int
    what: str
    incident: bool
    """Whether an incident is required: it was on a revocation topic."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer to a reader of an article."""

    at: datetime
    article_id: str
    status: int


@dataclass(frozen=True, slots=True)
class FailedPoll:
    """A poll while the provider failed."""

    feed: str
    what: str
    status: int
    cursor_before: str | None
    cursor_after: str | None
    state: str
    """The state of the feed afterwards."""


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run of the daily check."""

    why: str
    exit_code: int
    exit_codes_expected: tuple[int, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountsSeen:
    """An answer of analytics, and its differences from the expected one."""

    when: str
    question: str
    articles: int
    """The sum of the expected counts."""
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """An answer about the health of the system."""

    when: str
    code: int
    status: str
    not_up: frozenset[str]
    named: str
    """The stopped part, as health names it; "": none."""


@dataclass
class History:
    """Everything about the scenario that the checkers need."""

    faults: list[Fault] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    bad_records: list[BadRecord] = field(default_factory=list)
    own_records: set[tuple[str, int, int]] = field(default_factory=set)
    """Topic, partition, offset of records that the scenario itself published."""
    served: list[Served] = field(default_factory=list)
    failed_polls: list[FailedPoll] = field(default_factory=list)
    runs: list[RunSeen] = field(default_factory=list)
    revoked_by_officer: set[str] = field(default_factory=set)
    """Includes those whose licence ended: revoked, and not on the provider's list."""
    reinstated: set[str] = field(default_factory=set)
    """Revoked, and reinstated by an officer; later deliveries of the provider may be held."""
    back: set[str] = field(default_factory=set)
    """Reinstated ones that were delivered again with a new text."""
    counts: list[CountsSeen] = field(default_factory=list)
    health: list[HealthSeen] = field(default_factory=list)
    sweeps: list[RunSeen] = field(default_factory=list)
    floor: datetime | None = None
    """Older articles were swept, and are rejected."""
    swept: set[str] = field(default_factory=set)
    """Delivered, and then deleted from our stores for their age; consumers keep theirs."""
    on_hold: set[str] = field(default_factory=set)
    came_late: set[str] = field(default_factory=set)
    """Swept, and delivered again with a new text; consumers still have the previous one."""
    revoked_when_swept: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    """Acknowledged to a partner or an upstream system with a 202, or to a producer by the broker."""
    spoilt: int = 0
    """Invalid articles on the provider's feed."""
    planned: Counter[str] = field(default_factory=Counter)
    """Failures that were planned at the provider, by mode."""
    drained_after_s: dict[str, float] = field(default_factory=dict)
    """Seconds from the end of a fault until everything was processed."""
