"""Responses of the ingester."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from clawback_common.http.paging import LIMIT_MAX
from clawback_common.http.schemas import FieldError
from clawback_contracts.article.v1 import Article
from clawback_contracts.envelope import NUMBER_MAX, ArticleId
from clawback_contracts.revocation.v1 import ReasonCode
from ingester.domain.submission import SubmissionState


class ArticleRead(BaseModel):
    """An article that may be held, with the numbers by which a holder decides whether to apply it.

    ``document`` together with ``version``, ``after_order``, ``source_order``, ``retention_date`` and ``received_at`` is
    the event ``clawback.article.published.v1``.
    """

    article_id: ArticleId
    version: int = Field(ge=1, le=NUMBER_MAX)
    after_order: int = Field(ge=0, le=NUMBER_MAX)
    """The last order that the ingester applied: a holder applies the article only if it knows no later order."""
    source_order: int = Field(ge=-NUMBER_MAX, le=NUMBER_MAX)
    retention_date: datetime
    received_at: datetime
    updated_at: datetime
    document: Article
    """The content."""


def _nothing_required(schema: dict[str, Any]) -> None:
    schema.pop("required", None)


class ArticleListed(ArticleRead):
    """An article; if the request names ``fields``, only with these."""

    model_config = ConfigDict(json_schema_extra=_nothing_required)


class ArticleExported(ArticleRead):
    """A line of the export."""

    cursor: str
    """The position of the article: an export, or a list, continues after it."""


class ArticlePage(BaseModel):
    """A page of articles."""

    items: list[ArticleListed]
    next_cursor: str | None = None
    """Null on the last page."""
    resume_cursor: str | None = None
    """The position up to which the list was read, on the last page too: a later request continues with what changed
    since. Null for publications."""


class ArticleFound(ArticleListed):
    """An article that matches a query."""

    snippet: str | None = None
    """Excerpts of summary and body as HTML, with the words of the query in `<em>`; only if the request asks for it."""


class ArticlesFound(BaseModel):
    """A page of matches."""

    items: list[ArticleFound]
    next_cursor: str | None = None
    """Null on the last page."""


class ArticleIds(BaseModel):
    """The ids of articles to read; a repeated id is read once."""

    model_config = ConfigDict(extra="forbid")

    article_ids: list[ArticleId] = Field(min_length=1, max_length=LIMIT_MAX)


class Unreadable(StrEnum):
    """Why an article is not readable."""

    REVOKED = "revoked"
    DELETED = "deleted"
    """Older than the retention period."""
    WITHHELD = "withheld"
    """Until a decision on it."""
    UNKNOWN = "unknown"
    """There is no readable article with this id; one under embargo is not named."""


class ArticleNotRead(BaseModel):
    """An article that is not readable, and why."""

    article_id: ArticleId
    state: Unreadable
    reason: ReasonCode | None = None
    revoked_at: datetime | None = None
    order: int | None = None
    """The order that revoked it, with its reason and time."""


class ArticleBatch(BaseModel):
    """Articles in the order of their ids in the request."""

    items: list[ArticleRead]
    others: list[ArticleNotRead]
    next_cursor: str | None = None
    """Not null if the articles are too large for one page: the same request with this cursor continues."""


class ArticleSampled(BaseModel):
    """A readable article."""

    article_id: ArticleId
    updated_at: datetime


class Sample(BaseModel):
    """A sample of articles, in no order."""

    items: list[ArticleSampled]


class ArticleRevokedListed(BaseModel):
    """A revoked id."""

    article_id: ArticleId
    order: int = Field(ge=1, le=NUMBER_MAX)
    reason: ReasonCode | None
    revoked_at: datetime | None


class RefusedItem(BaseModel):
    """An item of a body that is not stored, and why."""

    index: int
    """Its index in the body, from 0."""
    errors: list[FieldError]


class SubmissionAnswer(BaseModel):
    """The result for a body, item by item: an invalid item does not affect valid ones."""

    accepted: list[ArticleId]
    event_ids: list[str] = Field(default_factory=list)
    """The event ids of the accepted items, in the same order: ``GET /submissions/{event_id}`` has each status."""
    refused: list[RefusedItem]


class SubmissionStatus(BaseModel):
    """The status of one submitted record."""

    event_id: str
    state: SubmissionState
    article_id: str | None = None
    received_at: datetime | None = None
    version: int | None = None
    """The article's version with the content of the record."""
    article_state: str | None = None
    """The article's present state: live, withheld, embargoed or revoked."""
    errors: list[FieldError] = Field(default_factory=list)
    """Why it was refused."""


class FeedListed(BaseModel):
    """A feed with its last poll. More fields may be added."""

    model_config = ConfigDict(extra="allow")

    name: str
    kind: str
    configured: bool
    """False: ``FEEDS`` no longer contains it."""
    state: str
    state_reason: str | None
    state_since: datetime
    cursor: str | None
    last_complete_at: datetime | None
    last_poll_id: UUID | None
    last_poll_started_at: datetime | None
    last_poll_ended_at: datetime | None
    last_poll_received: int | None
    last_poll_noticed: int | None


class PollAnswer(BaseModel):
    """The result of a poll."""

    poll_id: UUID
    noticed: int
    caught_up: bool


class ApiCall(BaseModel):
    """A call to a provider."""

    id: int
    feed: str
    endpoint: str
    started_at: datetime
    took_ms: int
    http_status: int | None
    code: int | None
    bytes: int | None
    items: int | None
    cursor: str | None
    outcome: str
    poll_id: UUID | None
