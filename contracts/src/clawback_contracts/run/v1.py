"""Runs, version 1."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from clawback_contracts.envelope import Count, Event, Instant


class Run(Event):
    """The common fields of both results of a run."""

    TOPIC: ClassVar[str] = "compliance-runs.v1"
    KEY: ClassVar[str] = "run_id"

    run_id: UUID
    started_at: Instant
    ended_at: Instant
    poll_ids: tuple[UUID, ...] = ()
    """The polls of the revocation feeds that this run requested."""
    mock: bool = False
    """Made without a real provider: not evidence."""


class RunCompleted(Run):
    """The check is complete; obligations that are still open are counted."""

    TYPE: ClassVar[str] = "clawback.run.completed.v1"

    noticed: Count
    """Notices that the polls of this run found; 0 on a quiet day."""
    closed: Count
    """Verified obligations of these notices."""
    open: Count
    """Obligations of these notices that were not verified when the wait ended."""
    overdue: Count
    """Obligations of any notice that are past due."""


class RunFailed(Run):
    """The check is not complete: no conclusion can be drawn from it."""

    TYPE: ClassVar[str] = "clawback.run.failed.v1"

    error: str = Field(max_length=500)
    """What happened, without content."""
