"""Responses about holders and their obligations."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, Json, with_config
from typing_extensions import TypedDict

from clawback_common.http.problem import existing
from clawback_contracts.envelope import ArticleId
from clawback_contracts.holder.v1 import HolderFilter, HolderKind
from compliance.domain.obligation import State
from compliance.domain.order import Kind
from compliance.storage import holders, obligations
from compliance.use_cases.service import Service


class HolderAnswer(BaseModel):
    """A holder and its registration."""

    name: str
    kind: HolderKind
    group: str | None = Field(validation_alias="consumer_group")
    """The consumer group with which it reads `articles.v1`."""
    purpose: str
    filter: Json[HolderFilter]
    copy_kinds: list[str]
    holdings_url: str | None
    contact: str | None
    content_retention_h: float | None
    """Kind `expiry`: hours after which a copy is deleted by age."""
    status: Literal["active", "left"]
    registered_at: datetime
    registered_by: str
    left_at: datetime | None
    signing_keys: Json[dict[str, str]]
    """Public keys (Ed25519, base64), by key id."""


class ObligationSums(BaseModel):
    """Totals of a holder's open obligations."""

    open: int
    overdue: int
    oldest_at: datetime | None
    """When the oldest open obligation was ordered."""
    next_due_at: datetime | None


class HolderListed(HolderAnswer):
    """A holder with its totals."""

    obligations: ObligationSums


@with_config(ConfigDict(extra="allow"))
class Declared(TypedDict, total=False):
    """A registration as it was recorded, with the fields of that time; empty if none was made."""

    name: str
    kind: HolderKind
    group: str | None
    purpose: str
    filter: HolderFilter
    copy_kinds: list[str]
    holdings_url: str | None
    contact: str | None
    content_retention_h: float | None
    signing_keys: dict[str, str]


class HolderChanged(BaseModel):
    """A change of a holder."""

    id: int
    changed_at: datetime
    changed_by: str
    change: str
    now: Json[Declared]
    """The registration after the change."""


class HolderDetail(HolderAnswer):
    """One holder with its changes."""

    unclosed: int
    """The number of obligations that are not closed."""
    changes: list[HolderChanged]
    """The last changes, the oldest first."""
    changes_truncated: bool
    """There were earlier changes."""


class LastAnswer(BaseModel):
    """The last receipt of a holder for an order."""

    answered_at: datetime
    attempt: int
    meaning: str
    """Its outcome when it was received."""


class OpenObligation(BaseModel):
    """An obligation of a holder that is not closed."""

    revocation_id: UUID
    article_id: ArticleId
    order: int = Field(validation_alias="order_no")
    order_kind: Kind
    kind: HolderKind
    """The kind of the holder; obligations of `expiry` holders are closed by time."""
    state: State
    due_at: datetime
    seconds_left: int | None
    """Until it is due, negative if overdue; null if the article is only withheld, because nothing is due then."""
    opened_at: datetime
    closes_at: datetime | None
    """When it is closed by time, for an `expiry` holder."""
    attempts: int
    """How often the order was sent."""
    notified_at: datetime | None
    reopened: int
    """How often the holder still held the article after reporting its removal."""
    resend_at: datetime | None
    last_answer: LastAnswer | None


async def holder_answer(service: Service, name: str) -> HolderAnswer:
    """Returns one holder.

    Raises:
        Problem: 404.
    """
    row = existing(await holders.one(service.db, name), "There is no such holder.")
    return HolderAnswer.model_validate(dict(row))


async def holder_detail(service: Service, name: str) -> HolderDetail:
    """Returns one holder with its changes.

    Raises:
        Problem: 404.
    """
    row = existing(await holders.one(service.db, name), "There is no such holder.")
    changed = await holders.changes(service.db, name)
    return HolderDetail.model_validate(
        {
            **row,
            "unclosed": await obligations.unclosed_of_holder(service.db, name),
            "changes": [dict(change) for change in changed[-holders.CHANGES_MAX :]],
            "changes_truncated": len(changed) > holders.CHANGES_MAX,
        }
    )
