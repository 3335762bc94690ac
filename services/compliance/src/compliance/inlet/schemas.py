"""What compliance answers over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from clawback_common.http.schemas import FieldError
from clawback_contracts.envelope import ArticleId
from clawback_contracts.holder.v1 import HolderKind
from compliance.domain.notice_state import NoticeState
from compliance.domain.obligation import State
from compliance.domain.order import Kind


class LastAnswer(BaseModel):
    """The receipt that a holder gave last to an order."""

    answered_at: datetime
    attempt: int
    meaning: str
    """What it meant when it came."""


class Owed(BaseModel):
    """What one holder has not closed."""

    revocation_id: UUID
    article_id: ArticleId
    order: int
    order_kind: Kind
    kind: HolderKind
    """Of the holder; what an `expiry` holder owes is closed by time."""
    state: State
    due_at: datetime
    seconds_left: int | None
    """Until it is due, negative when it is overdue; null where nothing is ever overdue, for it is only withheld."""
    opened_at: datetime
    closes_at: datetime | None
    """When time closes it, of an `expiry` holder."""
    attempts: int
    """How often the order was sent."""
    notified_at: datetime | None
    reopened: int
    """How often it still held what it had reported removed."""
    resend_at: datetime | None
    last_answer: LastAnswer | None


class OwedSum(BaseModel):
    """How much a holder has not closed."""

    open: int
    overdue: int
    oldest_at: datetime | None
    """When the oldest that is open was ordered of it."""
    next_due_at: datetime | None


class NoticeItem(BaseModel):
    """A notice on one article, and what became of it."""

    notice_id: UUID
    article_id: ArticleId
    state: NoticeState
    received_at: datetime
    request_id: UUID | None
    """The request that it belongs to, where it was made over HTTP or needs a second person."""
    revocation_id: UUID
    order: int
    """Of the order that answers it; while a second person must decide, of the one that withholds the article."""
    closed_at: datetime | None
    """When every holder had answered the order."""
    errors: list[FieldError]
    """Why it was refused."""


class NoticeStatus(BaseModel):
    """What became of a notice, or of a request with all its notices (at most 500 are listed)."""

    notice_id: str
    """As it was asked for."""
    state: NoticeState
    """Of the item that is furthest behind."""
    items: list[NoticeItem] = Field(default_factory=list)
    truncated: bool = False
    """It has more notices than are listed; the state is of those listed and one more."""
    errors: list[FieldError] = Field(default_factory=list)
    """Why a record that could not be read was refused."""
