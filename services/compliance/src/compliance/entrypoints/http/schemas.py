"""Responses about notices."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from clawback_common.http.schemas import FieldError
from clawback_contracts.envelope import ArticleId
from compliance.domain.notice_state import NoticeState


class NoticeItem(BaseModel):
    """A notice on one article and its status."""

    notice_id: UUID
    article_id: ArticleId
    state: NoticeState
    received_at: datetime
    request_id: UUID | None
    """The request that it belongs to, if it was submitted over HTTP or needs a second person."""
    revocation_id: UUID
    order: int = Field(validation_alias="order_no")
    """The number of its order; until a second person decides, of the order that withholds the article."""
    closed_at: datetime | None
    """When every holder had answered the order."""
    errors: list[FieldError]
    """Why it was refused."""


class NoticeStatus(BaseModel):
    """The status of a notice, or of a request with all its notices (at most 500 are listed)."""

    notice_id: str
    """The id of the query."""
    state: NoticeState
    """The state of the item that is furthest behind."""
    items: list[NoticeItem] = Field(default_factory=list)
    truncated: bool = False
    """There are more notices than listed; the state covers the listed ones and one more."""
    errors: list[FieldError] = Field(default_factory=list)
    """Why an unreadable record was refused."""
