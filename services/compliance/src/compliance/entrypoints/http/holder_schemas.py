"""Holders as they are answered, with what each owes."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Json, with_config
from typing_extensions import TypedDict

from clawback_common.http.problem import Problem
from clawback_common.postgres.pool import Row
from clawback_contracts.envelope import ArticleId
from clawback_contracts.holder.v1 import HolderFilter, HolderKind
from compliance.domain.obligation import State
from compliance.domain.order import Kind
from compliance.storage import holders, obligations
from compliance.use_cases import Service


class HolderAnswer(BaseModel):
    """A holder, and what it declares."""

    name: str
    kind: HolderKind
    group: str | None
    """The consumer group under which it reads `articles.v1`."""
    purpose: str
    filter: Json[HolderFilter]
    copy_kinds: list[str]
    holdings_url: str | None
    contact: str | None
    forgets_after_h: float | None
    """Kind `expiry`: hours after which a copy disappears by itself."""
    status: Literal["active", "left"]
    registered_at: datetime
    registered_by: str
    left_at: datetime | None
    signing_keys: Json[dict[str, str]]
    """Public keys (Ed25519, base64), by key id."""

    @classmethod
    def of(cls, row: Row) -> Self:
        """From its row."""
        return cls.model_validate({**row, "group": row["consumer_group"]})


class OwedSum(BaseModel):
    """How much a holder has not closed."""

    open: int
    overdue: int
    oldest_at: datetime | None
    """When the oldest that is open was ordered of it."""
    next_due_at: datetime | None


class HolderListed(HolderAnswer):
    """A holder, and how much it owes."""

    owes: OwedSum

    @classmethod
    def owing(cls, row: Row, owed: Row) -> Self:
        """From its row, and the sum of what it owes."""
        return cls.model_validate({**row, "group": row["consumer_group"], "owes": dict(owed)})


@with_config(ConfigDict(extra="allow"))
class Declared(TypedDict, total=False):
    """A registration as it was recorded, with the fields that there were then; empty where none was made."""

    name: str
    kind: HolderKind
    group: str | None
    purpose: str
    filter: HolderFilter
    copy_kinds: list[str]
    holdings_url: str | None
    contact: str | None
    forgets_after_h: float | None
    signing_keys: dict[str, str]


class HolderChanged(BaseModel):
    """What changed about a holder."""

    id: int
    changed_at: datetime
    changed_by: str
    change: str
    now: Json[Declared]
    """What it declares since then."""


class HolderDetail(HolderAnswer):
    """One holder with what changed."""

    unclosed: int
    """How many obligations it has not closed."""
    changes: list[HolderChanged]
    """The last ones, the oldest first."""
    changes_truncated: bool
    """There were more before."""


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


async def holder_answer(service: Service, name: str) -> HolderAnswer:
    """One holder.

    Raises:
        Problem: 404.
    """
    row = await holders.one(service.db, name)
    if row is None:
        raise Problem(404, "There is no such holder.")
    return HolderAnswer.of(row)


async def holder_detail(service: Service, name: str) -> HolderDetail:
    """One holder with what changed.

    Raises:
        Problem: 404.
    """
    row = await holders.one(service.db, name)
    if row is None:
        raise Problem(404, "There is no such holder.")
    changed = await holders.changes(service.db, name)
    return HolderDetail.model_validate(
        {
            **row,
            "group": row["consumer_group"],
            "unclosed": await obligations.unclosed_of_holder(service.db, name),
            "changes": [dict(change) for change in changed[-holders.CHANGES_MAX :]],
            "changes_truncated": len(changed) > holders.CHANGES_MAX,
        }
    )
