"""Orders as they are answered, with their notices, obligations and receipts."""

from datetime import datetime
from typing import Literal, NotRequired, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Json, with_config
from typing_extensions import TypedDict, override

from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import ArticleId
from clawback_contracts.holder.v1 import HolderKind
from clawback_contracts.revocation.v1 import ReasonCode
from compliance.domain.obligation import ReceiptOutcome, State
from compliance.domain.order import Kind


class OrderFed(BaseModel):
    """An order, as a holder reads it that was away."""

    revocation_id: UUID
    article_id: ArticleId
    order: int
    """Its number among those on the article."""
    previous_order: int | None
    """The order that it follows; 0: there was none. Null: given before this was recorded."""
    kind: Kind
    reason: str
    lifts: UUID | None
    """The order that a reinstatement ends."""
    clock_started_at: datetime
    due_at: datetime
    revoked_at: datetime | None
    ordered_at: datetime
    attempts: int
    """How often it was sent."""

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls.model_validate({**row, "order": row["order_no"]})


class OrderFeed(BaseModel):
    """Orders in the sequence in which they were given; none is left out."""

    items: list[OrderFed]
    next_cursor: str
    """Never null: what is ordered later follows there."""
    caught_up: bool
    """There is nothing behind this page now."""


class OrderListed(OrderFed):
    """An order, and how far it is."""

    ordered_by: str
    lifted_at: datetime | None
    lifted_by: str | None
    backlog: bool
    """Past its deadline when it was first noticed."""
    closed_at: datetime | None
    """When every holder that answers promptly had answered, or a later order took its place."""
    is_open: bool

    @override
    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls.model_validate({**row, "order": row["order_no"], "is_open": row["closed_at"] is None})


class OrderAnswer(OrderListed):
    """One order."""

    next_send_at: datetime | None


class OrderedNotice(BaseModel):
    """A notice, as it was recorded."""

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
    """An answer of a holder, as it was recorded."""

    receipt_id: UUID
    order_no: int
    holder: str
    attempt: int
    removals: Json[dict[str, str]]
    """The outcome of each kind of copy."""
    answered_at: datetime
    received_at: datetime
    came_by: str
    meaning: str
    """What it meant when it came."""
    authenticated: bool


@with_config(ConfigDict(extra="allow"))
class Evidence(TypedDict):
    """Why an obligation is closed: ``how`` decides which of the others there are. More fields may come."""

    how: str
    """``receipt``, ``own statement``, ``holdings``, ``expiry`` or ``later order``."""
    why: NotRequired[str]
    receipt_id: NotRequired[UUID]
    attempt: NotRequired[int]
    answers: NotRequired[dict[str, str]]
    looked_at: NotRequired[datetime]
    proof: NotRequired[str]
    controls: NotRequired[int]
    """How many other articles the holder had to report as held, and did."""
    control_ids: NotRequired[list[str]]
    applied_order: NotRequired[int | None]
    """The last order that our own store had applied to the article."""
    closes_at: NotRequired[datetime]


class ObligationAnswer(BaseModel):
    """What one holder owes one order."""

    revocation_id: UUID
    holder: str
    kind: HolderKind
    """Of the holder."""
    copy_kinds: list[str]
    """What its answer must speak of."""
    answers: Json[dict[str, str]]
    """The outcome of each kind of copy, as far as it has answered."""
    due_at: datetime
    state: State
    attempts: int
    opened_at: datetime
    notified_at: datetime | None
    removed_at: datetime | None
    verified_at: datetime | None
    superseded_at: datetime | None
    reopened: int
    """How often it still held what it had reported removed."""
    closes_at: datetime | None
    """When time closes it, of an `expiry` holder."""
    evidence: Json[Evidence] | None

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls.model_validate(dict(row))


class OrderDetail(OrderAnswer):
    """One order with all that belongs to it; of notices and of receipts at most 500."""

    notices: list[OrderedNotice]
    notices_truncated: bool
    obligations: list[ObligationAnswer]
    receipts: list[ReceiptAnswer]
    receipts_truncated: bool


class Takedown(BaseModel):
    """All that happened to one article."""

    article_id: ArticleId
    order: int
    """The number of the last order on it; 0: there was none."""
    state: Literal["live", "withheld", "revoked"]
    revocation_id: UUID | None
    """The last order."""
    updated_at: datetime
    notices: list[NoticeAnswer]
    notices_next_cursor: str | None
    """For `/takedowns/{article_id}/notices`; null: these are all."""
    orders: list[OrderAnswer]
    obligations: list[ObligationAnswer]
    receipts: list[ReceiptAnswer]
    receipts_next_cursor: str | None
    """For `/takedowns/{article_id}/receipts`; null: these are all."""


class Reinstated(BaseModel):
    """The order that lifts another."""

    revocation_id: UUID
    lifts: UUID | None
    article_id: ArticleId
    order: int


class ReceiptResult(BaseModel):
    """A receipt that was sent, and what it means."""

    receipt_id: UUID
    meaning: ReceiptOutcome


class ReceiptResults(BaseModel):
    """Receipts that were sent, in their order."""

    items: list[ReceiptResult]
