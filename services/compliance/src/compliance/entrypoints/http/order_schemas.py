"""Responses about orders, with their notices, obligations and receipts."""

from datetime import datetime
from typing import Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Json, with_config
from typing_extensions import TypedDict

from clawback_contracts.envelope import ArticleId
from clawback_contracts.holder.v1 import HolderKind
from clawback_contracts.revocation.v1 import ReasonCode
from compliance.domain.obligation import ReceiptOutcome, State
from compliance.domain.order import Kind


class OrderFed(BaseModel):
    """An order in the feed for holders that were offline."""

    revocation_id: UUID
    article_id: ArticleId
    order: int = Field(validation_alias="order_no")
    """Its number among the orders on the article."""
    previous_order: int | None
    """The previous order on the article; 0: there was none. Null: issued before this was recorded."""
    kind: Kind
    reason: str
    reinstates: UUID | None
    """The order that a reinstatement ends."""
    clock_started_at: datetime
    due_at: datetime
    revoked_at: datetime | None
    ordered_at: datetime
    attempts: int
    """How often it was sent."""


class OrderFeed(BaseModel):
    """Orders in the order in which they were issued, without gaps."""

    items: list[OrderFed]
    next_cursor: str
    """Never null: later orders follow there."""
    caught_up: bool
    """No more orders follow at present."""


class OrderListed(OrderFed):
    """An order and its progress."""

    ordered_by: str
    lifted_at: datetime | None
    lifted_by: str | None
    backlog: bool
    """Past its deadline when its notice was received."""
    closed_at: datetime | None
    """When every prompt holder had answered, or a later order replaced it."""
    is_open: bool


class OrderAnswer(OrderListed):
    """One order."""

    next_send_at: datetime | None


class OrderedNotice(BaseModel):
    """A recorded notice."""

    notice_id: UUID
    reason: ReasonCode
    noticed_by: str
    noticed_at: datetime
    revoked_at: datetime | None
    earliest_at: datetime | None
    poll_id: UUID | None
    received_at: datetime
    backlog: bool
    note: str | None


class NoticeAnswer(OrderedNotice):
    """A notice with the order that answers it."""

    revocation_id: UUID


class ReceiptAnswer(BaseModel):
    """A recorded receipt of a holder."""

    receipt_id: UUID
    order_no: int
    holder: str
    attempt: int
    removals: Json[dict[str, str]]
    """The outcome of each kind of copy."""
    answered_at: datetime
    received_at: datetime
    received_via: str
    meaning: str
    """The receipt's outcome when it was received."""
    authenticated: bool


@with_config(ConfigDict(extra="allow"))
class Evidence(TypedDict):
    """The evidence for closing an obligation: ``how`` decides which other fields exist. More fields may be added."""

    how: str
    """``receipt``, ``own statement``, ``holdings``, ``expiry`` or ``later order``."""
    why: NotRequired[str]
    receipt_id: NotRequired[UUID]
    attempt: NotRequired[int]
    answers: NotRequired[dict[str, str]]
    checked_at: NotRequired[datetime]
    proof: NotRequired[str]
    controls: NotRequired[int]
    """The number of control articles that the holder reported as held, as required."""
    control_ids: NotRequired[list[str]]
    applied_order: NotRequired[int | None]
    """The last order that our own store had applied to the article."""
    closes_at: NotRequired[datetime]


class ObligationAnswer(BaseModel):
    """One holder's obligation for one order."""

    revocation_id: UUID
    holder: str
    kind: HolderKind
    """The kind of the holder."""
    copy_kinds: list[str]
    """The kinds of copies that its receipts must cover."""
    answers: Json[dict[str, str]]
    """The outcome of each kind of copy that was answered so far."""
    due_at: datetime
    state: State
    attempts: int
    opened_at: datetime
    notified_at: datetime | None
    removed_at: datetime | None
    verified_at: datetime | None
    superseded_at: datetime | None
    reopened: int
    """How often the holder still held the article after reporting its removal."""
    closes_at: datetime | None
    """When it is closed by time, for an `expiry` holder."""
    evidence: Json[Evidence] | None


class OrderDetail(OrderAnswer):
    """One order with everything that belongs to it; at most 500 notices and 500 receipts."""

    notices: list[OrderedNotice]
    notices_truncated: bool
    obligations: list[ObligationAnswer]
    receipts: list[ReceiptAnswer]
    receipts_truncated: bool


class Takedown(BaseModel):
    """The complete history of one article."""

    article_id: ArticleId
    order: int = Field(validation_alias="order_no")
    """The number of the last order on it; 0: there was none."""
    state: Literal["live", "withheld", "revoked"]
    revocation_id: UUID | None
    """The id of the last order."""
    updated_at: datetime
    notices: list[NoticeAnswer]
    notices_next_cursor: str | None
    """For `/takedowns/{article_id}/notices`; null: the list is complete."""
    orders: list[OrderAnswer]
    obligations: list[ObligationAnswer]
    receipts: list[ReceiptAnswer]
    receipts_next_cursor: str | None
    """For `/takedowns/{article_id}/receipts`; null: the list is complete."""


class Reinstated(BaseModel):
    """The order that ends another one."""

    revocation_id: UUID
    reinstates: UUID | None
    article_id: ArticleId
    order: int = Field(validation_alias="order_no")


class ReceiptResult(BaseModel):
    """A submitted receipt and its outcome."""

    receipt_id: UUID
    meaning: ReceiptOutcome


class ReceiptResults(BaseModel):
    """The submitted receipts, in their order."""

    items: list[ReceiptResult]
