"""What alerting answers over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from clawback_contracts.alert.v1 import Severity


class AlertAnswer(BaseModel):
    """A condition, with its latest occurrence."""

    id: str
    """Its fingerprint."""
    name: str
    service: str
    severity: Severity
    summary: str
    labels: dict[str, str]
    is_event: bool
    status: str
    occurrence: int
    count: int
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_note: str | None
    """Why it was acknowledged."""


class AlertListed(AlertAnswer):
    """An alert, and what mutes it."""

    silenced_by: list[UUID] = Field(default_factory=list)
    """The silences in force that match it; see /silences for who made each, why, and until when."""


class AlertWithNotifications(AlertListed):
    """An alert, and who was notified of what."""

    notifications: list[dict[str, Any]]
    """The latest first, at most 500."""
    notifications_truncated: bool
    """There are more."""


class SilenceAnswer(BaseModel):
    """What is muted, from when until when, by whom, and why."""

    silence_id: UUID
    matchers: list[str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    created_at: datetime
    comment: str
    ended_by: str | None
    """Who ended it before its time."""
