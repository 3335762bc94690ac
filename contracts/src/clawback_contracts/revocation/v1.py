"""Revocations, version 1. Contains ids, numbers and times only, no content."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from clawback_contracts.envelope import ArticleId, Attempt, Event, Instant, Order, OrderBefore, Value


class Reason(StrEnum):
    """The known reasons why an article may no longer be held. There may be others: see `ReasonCode`."""

    LICENSOR = "licensor"
    LICENCE_EXPIRED = "licence_expired"
    MANUAL = "manual"
    ERASURE_REQUEST = "erasure_request"


ReasonCode = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,63}$",
        examples=[one.value for one in Reason],
        description="Why the article may no longer be held: one of the examples, or another. Holders treat every "
        "reason alike",
    ),
]
"""An open code: a new legal reason needs no new version of the event."""


class Outcome(StrEnum):
    """The result of an order for one kind of copy."""

    REMOVED = "removed"
    NEVER_HELD = "never_held"
    ALREADY_REMOVED = "already_removed"
    SUPERSEDED = "superseded"
    """The holder knows a later order on this article, and answers that one."""
    REINSTATED = "reinstated"
    """The order ended a revocation; the holder accepts the article again when it is published again."""
    WITHHELD = "withheld"
    """The copy is kept and not shown until a later order revokes or reinstates the article."""


AddressedHolders = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] | None,
    Field(
        max_length=100,
        description="The holders that must answer this sending; absent: all of them. Every holder applies the order.",
    ),
]
"""A resent order is addressed to the holders that have not answered."""


class RevocationNoticed(Event):
    """A provider, an officer or an upstream system reports that an article may no longer be held."""

    TYPE: ClassVar[str] = "clawback.revocation.noticed.v1"
    TOPIC: ClassVar[str] = "revocation-notices.v1"
    KEY: ClassVar[str] = "article_id"

    notice_id: UUID
    article_id: ArticleId
    reason: ReasonCode
    noticed_by: str = Field(min_length=1, max_length=200)
    """The feed, officer or system that reported it."""
    noticed_at: Instant
    """When our system learned of it."""
    revoked_at: Instant | None = None
    """The provider's own time of the revocation, if it gives one."""
    earliest_at: Instant | None = None
    """The last complete poll before the notice: the earliest time at which it can have been revoked."""
    poll_id: UUID | None = None
    """The poll of a feed that found it."""


class _Order(Event):
    """The fields that all orders have."""

    TOPIC: ClassVar[str] = "revocations.v1"
    KEY: ClassVar[str] = "article_id"

    article_id: ArticleId
    order: Order
    previous_order: OrderBefore | None = None
    """The last order on the article before this one. None: the sender does not specify it."""
    revocation_id: UUID
    """The identity of this order; of a reinstatement, that of the order that it ends."""
    ordered_at: Instant
    attempt: Attempt = 1
    """The number of this sending; an order is sent until every holder has answered."""
    holders: AddressedHolders = None


class _Restriction(_Order):
    """The fields of orders that notices ask for."""

    reason: ReasonCode
    notice_ids: tuple[UUID, ...] = ()
    """The notices that this sending answers."""


class ArticleRevoked(_Restriction):
    """An order: nobody may hold this article. Apply by ``order``, remove, answer, however often it is delivered."""

    TYPE: ClassVar[str] = "clawback.revocation.revoked.v1"

    revoked_at: Instant | None = None
    clock_started_at: Instant
    """The deadline starts at the provider's time, else at the last complete poll before, else at the notice."""
    due_at: Instant


class ArticleWithheld(_Restriction):
    """An order: keep this article, but do not show, publish or count it, until a later order ends this state.

    A revocation ends it: then the copy is removed. A reinstatement ends it: then the copy is in use again.
    """

    TYPE: ClassVar[str] = "clawback.revocation.withheld.v1"


class ArticleReinstated(_Order):
    """An order: the article may be held again.

    What a revocation removed returns only when it is published again. A copy that was only withheld is in use again, if
    this order directly follows the one that withheld it.
    """

    TYPE: ClassVar[str] = "clawback.revocation.reinstated.v1"


class CopyRemoval(Value):
    """The outcome for one kind of copy that the holder declared."""

    copy_kind: str = Field(min_length=1, max_length=100)
    outcome: Outcome


class ArticleRemoved(Event):
    """A receipt: the holder's answer to an order, for each kind of copy that it declared."""

    TYPE: ClassVar[str] = "clawback.revocation.removed.v1"
    TOPIC: ClassVar[str] = "removal-receipts.v1"
    KEY: ClassVar[str] = "article_id"

    receipt_id: UUID
    """Derived from article, order, holder and attempt, so a repeated answer is the same receipt: the uuid5 in the
    namespace 6d0a5c1e-6d0f-5b52-9f39-2c1f5a3c0d11 of ``receipt``, article_id, order, holder and attempt, joined by
    U+001F. Vectors: ``vectors/receipt_ids.json``."""
    article_id: ArticleId
    order: Order
    holder: str = Field(min_length=1, max_length=100)
    removals: tuple[CopyRemoval, ...] = Field(min_length=1)
    answered_at: Instant
    attempt: Attempt = 1
