"""Orders: numbered statements on one article, decided while the article's row is locked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self, TypeAlias
from uuid import UUID

from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld
from compliance.domain.deadline import Deadlines
from compliance.domain.notice import Notice, NoticeKey, clock_start

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


RECOVERED = "recovered from the topic"
REISSUED = "ordered again above a later order"
CLOCK_AHEAD_MAX = timedelta(hours=1)
"""An order number further in the future was not issued by compliance."""


class Kind(StrEnum):
    """The kind of an order."""

    REVOKED = "revoked"
    REINSTATED = "reinstated"
    WITHHELD = "withheld"
    """The article is neither readable nor removed until a later order revokes or reinstates it."""


@dataclass(frozen=True, slots=True)
class ArticleHead:
    """The row of an article with its last order; number 0 and live before the first order."""

    article_id: str
    order_no: int
    revoked: bool
    revocation_id: UUID | None
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An order with everything that a sending contains."""

    revocation_id: UUID
    article_id: str
    order_no: int
    previous_order: int | None
    """The previous order on the article; 0: there was none; None: issued before this field existed."""
    kind: Kind
    reason: str
    ordered_at: datetime
    clock_started_at: datetime
    due_at: datetime
    revoked_at: datetime | None = None
    reinstates: UUID | None = None
    traceparent: str | None = None
    attempts: int = 1
    """The number of the sending."""
    resend_from: datetime | None = None
    """The start of the intervals between its sendings; None: when it was ordered."""

    @property
    def sending_id(self) -> UUID:
        """Returns the id of this sending."""
        return event_id("order", self.article_id, self.order_no, self.attempts)

    def sent_again(self, clock_started_at: datetime | None, due_at: datetime | None) -> Self:
        """Returns the next sending, with an earlier clock start and due time if a new notice requires it."""
        return replace(
            self,
            attempts=self.attempts + 1,
            clock_started_at=min(self.clock_started_at, clock_started_at or self.clock_started_at),
            due_at=min(self.due_at, due_at or self.due_at),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueOrder(Order):
    """The decision to issue a new order, as it is sent first."""

    previous_order: int
    ordered_by: str
    notices: tuple[Notice, ...] = ()

    @property
    def backlog(self) -> bool:
        """The order was past its deadline when its notice arrived."""
        return self.kind is Kind.REVOKED and self.due_at <= self.ordered_at


@dataclass(frozen=True, slots=True)
class ResendOrder:
    """The decision to send the order in force again, in answer to these notices."""

    revocation_id: UUID
    notices: tuple[Notice, ...]
    new: tuple[Notice, ...] = ()
    """The notices that were not recorded before."""
    clock_started_at: datetime | None = None
    """The earliest clock start of the new notices. A clock start only moves to an earlier time."""
    due_at: datetime | None = None
    """The earliest due time of the new notices. A due time only moves to an earlier time."""


Decision: TypeAlias = IssueOrder | ResendOrder


def next_number(last: int, now: datetime) -> int:
    """Returns the next order number of an article: milliseconds since the epoch, and greater than the last number.

    A database restored from a backup has lost issued numbers; every one of them is smaller than the current time.
    """
    return max(last + 1, (now - _EPOCH) // _MILLISECOND)


def recovered(order: AnyOrder, deadlines: Deadlines) -> IssueOrder:
    """Returns an order that the database lost, as recorded on the topic."""
    ordered = IssueOrder(
        revocation_id=revocation_id(order.article_id, order.order),
        article_id=order.article_id,
        order_no=order.order,
        previous_order=order.previous_order or 0,
        kind=Kind.REINSTATED,
        reason=RECOVERED,
        ordered_at=order.ordered_at,
        ordered_by=RECOVERED,
        clock_started_at=order.ordered_at,
        due_at=order.ordered_at + deadlines.usual,
    )
    match order:
        case ArticleReinstated():
            return replace(ordered, reinstates=order.revocation_id)
        case ArticleWithheld():
            return replace(
                ordered, revocation_id=order.revocation_id, kind=Kind.WITHHELD, reason=order.reason
            )
        case ArticleRevoked():
            return replace(
                ordered,
                revocation_id=order.revocation_id,
                kind=Kind.REVOKED,
                reason=order.reason,
                clock_started_at=order.clock_started_at,
                due_at=order.due_at,
                revoked_at=order.revoked_at,
            )


def revocation_id(article_id: str, order_no: int) -> UUID:
    """Returns the permanent id of an order."""
    return event_id("revocation", article_id, order_no)


def decide(
    head: ArticleHead,
    notices: Sequence[Notice],
    known: Mapping[NoticeKey, UUID],
    *,
    now: datetime,
    deadlines: Deadlines,
    limited: Collection[NoticeKey] = (),
) -> list[Decision]:
    """Decides what to order on one article, given all its notices of a batch.

    A known notice is answered with its original order, even if that was reinstated since: holders fold orders by
    number. A new notice joins the order in force, or results in a new order.

    Args:
        head: The locked row of the article.
        notices: The notices on this article in order of arrival; a notice may occur twice.
        known: The order of each known notice.
        now: When they arrived.
        deadlines: The deadlines by reason; the strictest notice counts.
        limited: New notices that need a second person. Alone they withhold the article and do not revoke it.
    """
    distinct = list({notice.key: notice for notice in notices}.values())
    decisions: list[Decision] = list(_repeats(distinct, known))
    new = tuple(notice for notice in distinct if notice.key not in known)
    if not new:
        return decisions
    withholds = all(notice.key in limited for notice in new)
    in_force = head.revoked or (withholds and head.withheld)
    if in_force and head.revocation_id is not None:
        # a sender who must not revoke the article does not change its deadline
        counted = [notice for notice in new if notice.allowed]
        starts = min((clock_start(notice, now) for notice in counted), default=None)
        joined = ResendOrder(head.revocation_id, new, new, starts, deadlines.due_at(counted, now))
        return _joined(decisions, joined)
    deciding = new if withholds else [notice for notice in new if notice.key not in limited]
    started_at = min(clock_start(notice, now) for notice in deciding)
    order_no = next_number(head.order_no, now)
    first = deciding[0]
    revoked_at = [notice.revoked_at for notice in deciding if notice.revoked_at is not None]
    decisions.append(
        IssueOrder(
            revocation_id=revocation_id(head.article_id, order_no),
            article_id=head.article_id,
            order_no=order_no,
            previous_order=head.order_no,
            kind=Kind.WITHHELD if withholds else Kind.REVOKED,
            reason=first.reason,
            ordered_at=now,
            ordered_by=first.noticed_by,
            clock_started_at=started_at,
            due_at=deadlines.due_at(deciding, now) or started_at + deadlines.usual,
            revoked_at=min(revoked_at, default=None),
            notices=new,
            traceparent=first.traceparent,
        )
    )
    return decisions


def _repeats(notices: Sequence[Notice], known: Mapping[NoticeKey, UUID]) -> Iterator[ResendOrder]:
    repeats: dict[UUID, list[Notice]] = {}
    for notice in notices:
        if notice.key in known:
            repeats.setdefault(known[notice.key], []).append(notice)
    for order, cited in repeats.items():
        yield ResendOrder(order, tuple(cited))


def _joined(decisions: list[Decision], joined: ResendOrder) -> list[Decision]:
    """Adds new notices to a repeated sending of the same order."""
    rest: list[Decision] = []
    cited: tuple[Notice, ...] = ()
    for decision in decisions:
        if isinstance(decision, ResendOrder) and decision.revocation_id == joined.revocation_id:
            cited = decision.notices
        else:
            rest.append(decision)
    return [*rest, replace(joined, notices=cited + joined.notices)]


def reinstatement(
    head: ArticleHead, revoked: UUID, *, now: datetime, lifted_by: str, deadlines: Deadlines, reason: str
) -> IssueOrder | None:
    """Returns the order that ends a revocation or a withholding; None if ``revoked`` is not the order in force."""
    if not (head.revoked or head.withheld) or head.revocation_id != revoked:
        return None
    order_no = next_number(head.order_no, now)
    return IssueOrder(
        revocation_id=revocation_id(head.article_id, order_no),
        article_id=head.article_id,
        order_no=order_no,
        previous_order=head.order_no,
        kind=Kind.REINSTATED,
        reason=reason,
        ordered_at=now,
        ordered_by=lifted_by,
        clock_started_at=now,
        due_at=now + deadlines.usual,
        reinstates=revoked,
    )


def reissued(order: Order, last: int, now: datetime) -> IssueOrder:
    """Issues an order again with a number above one that a store knows and the database lost."""
    number = next_number(last, now)
    return IssueOrder(
        revocation_id=revocation_id(order.article_id, number),
        article_id=order.article_id,
        order_no=number,
        previous_order=last,
        kind=order.kind,
        reason=order.reason,
        ordered_at=now,
        ordered_by=REISSUED,
        clock_started_at=order.clock_started_at,
        due_at=order.due_at,
        revoked_at=order.revoked_at,
        traceparent=order.traceparent,
    )
