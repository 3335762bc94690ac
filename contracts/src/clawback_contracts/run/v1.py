"""Runs, version 1."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from clawback_contracts.envelope import Count, Event, Instant


class Run(Event):
    """What both endings of a run say."""

    TOPIC: ClassVar[str] = "compliance-runs.v1"
    KEY: ClassVar[str] = "run_id"

    run_id: UUID
    started_at: Instant
    ended_at: Instant
    poll_ids: tuple[UUID, ...] = ()
    """The passes over the revocation feeds that this run asked for."""
    mock: bool = False
    """Made while no real provider stood behind it: no evidence."""


class RunCompleted(Run):
    """The check ran to its end; what is still open is counted, not hidden."""

    TYPE: ClassVar[str] = "clawback.run.completed.v1"

    noticed: Count
    """Notices that the polls of this run brought; 0 on a quiet day."""
    closed: Count
    """Obligations of these notices that are verified."""
    open: Count
    """Obligations of these notices that are not, when the wait ended."""
    overdue: Count
    """Obligations of any notice that are past due."""


class RunFailed(Run):
    """The check did not run to its end: nothing may be concluded from it."""

    TYPE: ClassVar[str] = "clawback.run.failed.v1"

    error: str = Field(max_length=500)
    """What happened, without content."""
