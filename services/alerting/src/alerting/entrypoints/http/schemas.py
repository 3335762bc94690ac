"""The responses of alerting's API."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from alerting.domain.alert import Alert, Status
from clawback_common.http.paging import Page
from clawback_common.http.schemas import FieldError
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
    status: Status
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

    @classmethod
    def of(cls, alert: Alert, **others: object) -> Self:
        """Converts an alert; `others` are additional fields of the response."""
        return cls.model_validate({**asdict(alert), "id": alert.fingerprint, **others})


class AlertTested(AlertAnswer):
    """A test alert."""

    status_url: str
    """The path of the alert with its notifications."""


class AlertListed(AlertAnswer):
    """An alert, and the silences that mute it."""

    silenced_by: list[UUID] = Field(default_factory=list)
    """The active silences that match it; /silences shows who created each, why, and until when."""


class NotificationAnswer(BaseModel):
    """Who was notified of what, by which message."""

    occurrence: int
    recipient: str
    channel: str
    what: Literal["raised", "repeat", "resolved"]
    number: int
    """The number of the reminder."""
    message_id: UUID
    due_at: datetime
    attempts: int
    sent_at: datetime | None
    given_up_at: datetime | None
    error: str | None


class AlertWithNotifications(AlertListed):
    """An alert, and its notifications."""

    notifications: list[NotificationAnswer]
    """Latest first, at most 500."""
    notifications_truncated: bool
    """Whether there are more."""


class SilenceCreated(BaseModel):
    """What is muted, from when until when, by whom, and why."""

    silence_id: UUID
    matchers: list[str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    created_at: datetime
    comment: str


class SilenceAnswer(SilenceCreated):
    """A silence, and who ended it."""

    ended_by: str | None
    """Who ended it before its time."""


class RejectedAlert(BaseModel):
    """An invalid alert of a body, and its errors."""

    index: int
    """Its position in the body, from 0."""
    errors: list[FieldError]


class PushAnswer(BaseModel):
    """The result for the alerts of a body; an invalid one does not affect the others."""

    accepted: int
    refused: list[RejectedAlert]


class ChannelAnswer(BaseModel):
    """The state of a channel."""

    name: str
    last_sent_at: datetime | None
    last_tried_at: datetime | None
    failures: int
    """Consecutive failures."""
    failing_since: datetime | None
    error: str | None
    waiting: int
    """Messages that it has not accepted yet."""
    oldest_waiting_due_at: datetime | None


class RecipientAnswer(BaseModel):
    """A recipient; without addresses."""

    name: str
    channels: list[str]
    notified: bool
    """Whether the recipient currently consents."""
    consented_at: date
    consented_by: str
    withdrawn_at: date | None


class ConsentAnswer(BaseModel):
    """A consent as recorded in the routes file, since when it was read there."""

    recipient: str
    channel: str
    consented_at: date | None
    consented_by: str | None
    withdrawn_at: date | None
    recorded_at: datetime


class Recipients(Page[RecipientAnswer]):
    """All recipients, and the history of their consents."""

    history: list[ConsentAnswer]
    """Latest first, at most 500."""
    history_truncated: bool
    """Whether there are more."""
