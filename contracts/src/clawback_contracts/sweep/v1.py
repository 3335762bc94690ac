"""Sweeps, version 1: what the owners of a class of data are asked to do with it, and what each answers."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from clawback_contracts.envelope import ArticleId, Attempt, Count, Event, Instant, Value

DataClass = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z_]{1,49}$", description="articles, api_calls, compliance_records, alerts, …"),
]
Owner = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9-]{1,49}$", description="the service whose database it is")
]
Person = Annotated[str, Field(min_length=1, max_length=200)]
HELD_IDS_MAX = 10_000
"""In one request, all holds together: it must fit into a message."""
ENDED_HOLDS_MAX = 150
"""In one request, the latest ones."""


class Action(StrEnum):
    """What is to be done with a class: let go of what is old, or keep its tables in good shape."""

    DELETE = "delete"
    ARCHIVE = "archive"
    """Written to the archive first, and deleted when it can be read back."""
    VACUUM = "vacuum"
    ANALYZE = "analyze"
    REINDEX = "reindex"

    @property
    def removes(self) -> bool:
        """Whether rows go."""
        return self in {Action.DELETE, Action.ARCHIVE}


class Hold(Value):
    """What a legal hold keeps from being swept: these ids, or all that dates from a span; with neither, everything."""

    hold_id: UUID
    article_ids: tuple[ArticleId, ...] = Field(default=(), max_length=HELD_IDS_MAX)
    """Empty: every record in the span."""
    dated_from: Instant | None = None
    """None: from the beginning."""
    dated_until: Instant | None = None
    """Not included. None: without end."""
    placed_by: Person | None = None
    confirmed_by: Person | None = None
    """The second person. Whoever placed a hold can withdraw it alone only while this is None."""


class EndedHold(Value):
    """A hold that is no longer in force, with the people who ended it."""

    hold_id: UUID
    ended_by: tuple[Person, ...] = Field(min_length=1, max_length=2)
    """Who requested the end, then who confirmed it: two different people. One alone withdraws a hold that this
    person placed and that nobody confirmed."""
    ended_at: Instant


class HoldsChanged(Event):
    """Holds on a class were placed, confirmed or ended. Owners store them, and refuse a sweep that omits one.

    Sent with each change, so that an owner knows a hold before the next sweep.
    """

    TYPE: ClassVar[str] = "clawback.sweep.holds-changed.v1"
    TOPIC: ClassVar[str] = "sweeps.v1"
    KEY: ClassVar[str] = "data_class"

    data_class: DataClass
    holds: tuple[Hold, ...] = Field(default=(), max_length=1000)
    """In force; others may be in force as well."""
    ended_holds: tuple[EndedHold, ...] = Field(default=(), max_length=ENDED_HOLDS_MAX)
    changed_at: Instant


class SweepRequested(Event):
    """A request to the owners of a class. Repeated until each has answered; a repeat is answered again.

    It names every hold that is in force. An owner refuses a request that omits a hold which it knows, or whose
    limit is later than the owner's own minimum age allows.
    """

    TYPE: ClassVar[str] = "clawback.sweep.requested.v1"
    TOPIC: ClassVar[str] = "sweeps.v1"
    KEY: ClassVar[str] = "data_class"

    sweep_id: UUID
    data_class: DataClass
    action: Action
    owners: tuple[Owner, ...] = Field(min_length=1, max_length=20)
    """Who must answer; others pass it by."""
    before: Instant | None = None
    """What dates from before this goes; without it nothing does."""
    dry_run: bool = False
    """Count, and touch nothing."""
    holds: tuple[Hold, ...] = Field(default=(), max_length=1000)
    ended_holds: tuple[EndedHold, ...] = Field(default=(), max_length=ENDED_HOLDS_MAX)
    """The latest holds of the class that are no longer in force."""
    requested_at: Instant
    requested_by: str = Field(min_length=1, max_length=200)
    attempt: Attempt = 1
    """Of sending: 1, 2, …"""


class Archive(Value):
    """One archived file, as its manifest says."""

    path: str = Field(max_length=500)
    """Of its manifest, below the owner's archive."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the manifest, which has the hash of each file."""
    records: Count
    bytes: Count


class TableSize(Value):
    """A table before and after it was put in shape. Bloat: the share of it that is dead or empty."""

    table: str = Field(max_length=200)
    bytes_before: Count
    bytes_after: Count
    bloat_before: float = Field(ge=0, le=1)
    bloat_after: float = Field(ge=0, le=1)


class SweepAnswer(Event):
    """What both answers of an owner say."""

    TOPIC: ClassVar[str] = "sweep-results.v1"
    KEY: ClassVar[str] = "sweep_id"
    SENDER: ClassVar[str | None] = "owner"

    sweep_id: UUID
    data_class: DataClass
    owner: Owner
    action: Action
    dry_run: bool = False
    started_at: Instant
    ended_at: Instant
    attempt: Attempt = 1
    """The attempt that this answers."""


class SweepCompleted(SweepAnswer):
    """An owner has done it, or has counted what it would do."""

    TYPE: ClassVar[str] = "clawback.sweep.completed.v1"

    found: Count
    """Records older than the limit."""
    removed: Count
    """Of these, gone; in a dry run: that would go."""
    held: Count = 0
    """Spared for a hold."""
    kept: Count = 0
    """Rows without content that outlive it: ids revoked, or given to anyone."""
    archives: tuple[Archive, ...] = Field(default=(), max_length=1000)
    tables: tuple[TableSize, ...] = Field(default=(), max_length=1000)
    """For vacuum, analyze and reindex."""


class SweepFailed(SweepAnswer):
    """An owner could not: what it had done stays done, and a repeat goes on from there."""

    TYPE: ClassVar[str] = "clawback.sweep.failed.v1"

    error: str = Field(max_length=500)
    """What happened, to which thing, without content."""
    refused: bool = False
    """The owner would not do it: the request exceeds the owner's own bounds. Nothing was touched."""
    omitted_holds: tuple[Hold, ...] = Field(default=(), max_length=1000)
    """Holds that the owner knows to be in force, and that the request omits."""
