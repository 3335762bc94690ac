"""What compliance answers over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from clawback_common.http.schemas import FieldError
from clawback_contracts.envelope import ArticleId
from compliance.domain.notice_state import NoticeState


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
