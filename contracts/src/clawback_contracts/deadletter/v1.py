"""Dead letters, version 1: the position of the record and the reason, never its content."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from clawback_contracts.envelope import Count, Event, Instant, Int32


class DeadLetter(Event):
    """Refers to a record in its topic, and to its copy in the group's quarantine."""

    TYPE: ClassVar[str] = "clawback.deadletter.set-aside.v1"
    TOPIC: ClassVar[str] = "{group}.dlq.v1"
    KEY: ClassVar[str] = "quarantine_id"

    group: str
    topic: str
    partition: Int32 = Field(ge=0)
    offset: Count
    timestamp: Instant | None = None
    event_id: str | None = Field(None, max_length=200)
    """``ce_id`` as received, if it could be read."""
    reason: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    detail: str = Field(max_length=500)
    """Which field, which rule; never the value."""
    quarantine_id: UUID
    set_aside_at: Instant
