"""Sweeps, version 1: requests to the owners of a class of data, and their answers."""

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
    str, Field(pattern=r"^[a-z][a-z0-9-]{1,49}$", description="the service that owns the database")
]
Person = Annotated[str, Field(min_length=1, max_length=200)]
HELD_IDS_MAX = 10_000
"""In one request, of all holds together, because it must fit into a message."""
ENDED_HOLDS_MAX = 150
"""In one request, the latest ones."""


class Action(StrEnum):
    """The action on a class: remove old records, or maintain its tables."""

    DELETE = "delete"
    ARCHIVE = "archive"
    """First written to the archive, and deleted after it was read back."""
    VACUUM = "vacuum"
    ANALYZE = "analyze"
    REINDEX = "reindex"

    @property
    def removes(self) -> bool:
        """Whether rows are deleted."""
        return self in {Action.DELETE, Action.ARCHIVE}


class Hold(Value):
    """The scope of a legal hold: these ids, or all records dated in a span; without either, everything."""

    hold_id: UUID
    article_ids: tuple[ArticleId, ...] = Field(default=(), max_length=HELD_IDS_MAX)
    """Empty: every record in the span."""
    dated_from: Instant | None = None
    """None: from the beginning."""
    dated_until: Instant | None = None
    """Exclusive. None: unlimited."""
    placed_by: Person | None = None
    confirmed_by: Person | None = None
    """The second person. The person who placed a hold can withdraw it alone only while this is None."""


class EndedHold(Value):
    """A hold that is no longer in force, with the people who ended it."""

    hold_id: UUID
    ended_by: tuple[Person, ...] = Field(min_length=1, max_length=2)
    """The person who requested the end, then the one who confirmed it: two different people. One person alone can
    withdraw a hold that this person placed and that nobody confirmed."""
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
    """Holds in force; there may be others."""
    ended_holds: tuple[EndedHold, ...] = Field(default=(), max_length=ENDED_HOLDS_MAX)
    changed_at: Instant


class SweepRequested(Event):
    """A request to the owners of a class. Repeated until each has answered; a repeat is answered again.

    It contains every hold in force. An owner refuses a request that omits a hold known to the owner, or whose limit is
    later than the owner's own minimum age allows.
    """

    TYPE: ClassVar[str] = "clawback.sweep.requested.v1"
    TOPIC: ClassVar[str] = "sweeps.v1"
    KEY: ClassVar[str] = "data_class"

    sweep_id: UUID
    data_class: DataClass
    action: Action
    owners: tuple[Owner, ...] = Field(min_length=1, max_length=20)
    """The services that must answer; others ignore the request."""
    before: Instant | None = None
    """Records dated earlier are removed; without it, none are."""
    dry_run: bool = False
    """Count only, without changes."""
    holds: tuple[Hold, ...] = Field(default=(), max_length=1000)
    ended_holds: tuple[EndedHold, ...] = Field(default=(), max_length=ENDED_HOLDS_MAX)
    """The latest holds of the class that are no longer in force."""
    requested_at: Instant
    requested_by: str = Field(min_length=1, max_length=200)
    attempt: Attempt = 1
    """The number of this sending: 1, 2, …"""


class Archive(Value):
    """One archive, as described by its manifest."""

    path: str = Field(max_length=500)
    """The path of its manifest, below the owner's archive folder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """The hash of the manifest, which contains the hash of each file."""
    records: Count
    bytes: Count


class TableSize(Value):
    """A table before and after maintenance. Bloat: the fraction of it that is dead or empty."""

    table: str = Field(max_length=200)
    bytes_before: Count
    bytes_after: Count
    bloat_before: float = Field(ge=0, le=1)
    bloat_after: float = Field(ge=0, le=1)


class SweepAnswer(Event):
    """The common fields of both answers of an owner."""

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
    """The owner has done it, or has counted what it would do."""

    TYPE: ClassVar[str] = "clawback.sweep.completed.v1"

    found: Count
    """Records older than the limit."""
    removed: Count
    """Of these, removed; in a dry run, those that would be removed."""
    held: Count = 0
    """Kept because of a hold."""
    kept: Count = 0
    """Rows without content that are kept: ids that were revoked, or published to anyone."""
    archives: tuple[Archive, ...] = Field(default=(), max_length=1000)
    tables: tuple[TableSize, ...] = Field(default=(), max_length=1000)
    """For vacuum, analyze and reindex."""


class SweepFailed(SweepAnswer):
    """The owner failed: what it had done stays done, and a repeated request continues from there."""

    TYPE: ClassVar[str] = "clawback.sweep.failed.v1"

    error: str = Field(max_length=500)
    """What happened, to which thing, without content."""
    refused: bool = False
    """The owner refused: the request exceeds the owner's own limits. Nothing was changed."""
    omitted_holds: tuple[Hold, ...] = Field(default=(), max_length=1000)
    """Holds that the owner knows to be in force, and that the request omits."""
