"""Responses about requests: what a second person decides on, and the progress."""

from datetime import datetime
from typing import Annotated, Literal, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import ArticleId
from compliance.domain import request as rules
from compliance.domain.request import RequestKind, RequestState

T = TypeVar("T")
Present = Annotated[T | None, Field(exclude_if=lambda value: value is None)]
"""A field that is omitted if it has no value."""


class RequestAnswer(BaseModel):
    """A request, in the response to its author or to the person who decides on it."""

    request_id: UUID
    state: RequestState
    articles: int
    withheld: Present[int] = None
    """While it waits or has expired: the number of its articles that are withheld."""
    expires_at: Present[datetime] = None
    """While it waits or has expired."""
    confirm: Present[str] = None
    """While it waits or has expired: the path with which a second person confirms it."""
    refuse: Present[str] = None
    """While it waits or has expired: the path with which a second person refuses it."""
    revocations: Present[dict[str, UUID]] = None
    """For a decided request to revoke: the order of each article that is carried out."""
    revocation_id: Present[UUID] = None
    """The order, if there is only one."""


class PreviewAnswer(BaseModel):
    """The effect that a notice would have; nothing was changed."""

    preview: Literal[True] = True
    articles: int
    already_revoked: int
    new_orders: int
    needs_confirmation: bool


class RequestListed(BaseModel):
    """A request with its decisions."""

    request_id: UUID
    kind: RequestKind
    entry: Literal["http", "kafka"]
    holder: str | None
    """The holder to remove, for the kind `remove_holder`."""
    reason: str
    revoked_at: datetime | None
    note: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime
    needs_approval: bool
    confirmed_by: str | None
    confirmed_at: datetime | None
    refused_by: str | None
    refused_at: datetime | None
    decision_note: str | None
    executed_at: datetime | None
    articles: int
    withheld: int
    """How many of its articles, from the first, were withheld."""
    executed: int
    """How many of its articles, from the first, are carried out."""
    state: RequestState

    @classmethod
    def of(cls, row: Row, now: datetime) -> Self:
        """Creates it from its row."""
        return cls.model_validate({**row, "state": rules.state(dict(row), now)})


class RequestDetail(RequestListed):
    """One request with all its articles."""

    article_ids: list[ArticleId]
    revoked_now: int
    withheld_now: int
