"""What happened in the story, written down as it happens; the checkers judge it afterwards."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was broken on purpose."""

    what: str
    at: datetime
    in_flight: int
    """Revocations or articles that were on their way at that moment; 0 proves nothing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Garbage that came by a door which answers, and the answer."""

    door: str
    what: str
    expected: tuple[int, ...]
    got: int

    @property
    def right(self) -> bool:
        """Whether the door answered as documented."""
        return self.got in self.expected


@dataclass(frozen=True, slots=True)
class BadRecord:
    """Garbage that was put on a topic."""

    group: str
    """Whose dead letter is expected: a service."""
    topic: str
    partition: int
    offset: int
    what: str
    incident: bool
    """A person must look: it came on a revocation topic."""


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
    """What the feed says of itself afterwards."""


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run of the daily check."""

    why: str
    exit_code: int
    exit_codes_expected: tuple[int, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CountsSeen:
    """An answer of analytics, and where it is not what must be counted."""

    when: str
    question: str
    articles: int
    """The sum of what must be counted."""
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthSeen:
    """An answer about the health of the whole."""

    when: str
    code: int
    status: str
    not_up: frozenset[str]
    named: str
    """What was stopped, as health names it; "": nothing was."""


@dataclass
class History:
    """Everything that checkers need to know of what was done."""

    faults: list[Fault] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    bad_records: list[BadRecord] = field(default_factory=list)
    own_records: set[tuple[str, int, int]] = field(default_factory=set)
    """Topic, partition, offset of records that the story itself put there."""
    served: list[Served] = field(default_factory=list)
    failed_polls: list[FailedPoll] = field(default_factory=list)
    runs: list[RunSeen] = field(default_factory=list)
    revoked_by_officer: set[str] = field(default_factory=set)
    """Also those whose licence ended: revoked, and not on the provider's list."""
    reinstated: set[str] = field(default_factory=set)
    """Revoked, and lifted again by an officer; what the provider sends afterwards may be held."""
    back: set[str] = field(default_factory=set)
    """Reinstated ones that came again with a new text."""
    counts: list[CountsSeen] = field(default_factory=list)
    health: list[HealthSeen] = field(default_factory=list)
    sweeps: list[RunSeen] = field(default_factory=list)
    floor: datetime | None = None
    """What dates from before this was swept, and is refused."""
    swept: set[str] = field(default_factory=set)
    """Delivered, and gone from our own stores for its age: consumers keep theirs."""
    on_hold: set[str] = field(default_factory=set)
    came_late: set[str] = field(default_factory=set)
    """Swept, and sent again with a new text: who was given the former has that."""
    revoked_when_swept: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    """Taken from a partner or an upstream system with a 202 or a broker's confirmation."""
    spoilt: int = 0
    """Articles on the provider's feed that nobody can take."""
    planned: Counter[str] = field(default_factory=Counter)
    """Failures that the provider was told to answer with, by mode."""
    drained_after_s: dict[str, float] = field(default_factory=dict)
    """Seconds from the end of a fault until everything was carried out."""
