"""Orders: our own numbered statements on an article. Decided for one article at a time, with its row in hand."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias
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
"""A number further in the future than this was not given by us."""


class Kind(StrEnum):
    """What an order says."""

    REVOKED = "revoked"
    REINSTATED = "reinstated"
    WITHHELD = "withheld"
    """Not shown and not removed, until a later order revokes or reinstates the article."""


@dataclass(frozen=True, slots=True)
class ArticleHead:
    """An article's row: the last order on it; number 0 and live before the first."""

    article_id: str
    order_no: int
    revoked: bool
    revocation_id: UUID | None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class IssueOrder:
    """A new order."""

    revocation_id: UUID
    article_id: str
    order_no: int
    previous_order: int
    """The last order on the article before; 0: there was none."""
    kind: Kind
    reason: str
    ordered_at: datetime
    ordered_by: str
    clock_started_at: datetime
    due_at: datetime
    revoked_at: datetime | None = None
    lifts: UUID | None = None
    notices: tuple[Notice, ...] = ()
    traceparent: str | None = None

    @property
    def backlog(self) -> bool:
        """Past its deadline when we first heard of it: late, but not by us."""
        return self.kind is Kind.REVOKED and self.due_at <= self.ordered_at


@dataclass(frozen=True, slots=True)
class ResendOrder:
    """An order that stands is sent once more, in answer to these notices."""

    revocation_id: UUID
    notices: tuple[Notice, ...]
    new: tuple[Notice, ...] = ()
    """Those of them that we had not seen before."""
    clock_started_at: datetime | None = None
    """The earliest that a new one gives: a clock may be set back, never forward."""
    due_at: datetime | None = None
    """The earliest that a new one demands, likewise."""


Decision: TypeAlias = IssueOrder | ResendOrder


def next_number(last: int, now: datetime) -> int:
    """The number of the next order on an article: milliseconds since the epoch, so that it is greater than all before.

    A database restored from a backup has forgotten numbers that it gave; every one of them lies before now.
    """
    return max(last + 1, (now - _EPOCH) // _MILLISECOND)


def recovered(order: AnyOrder, deadlines: Deadlines) -> IssueOrder:
    """An order of ours that we have forgotten, as it was on the topic."""
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
            return replace(ordered, lifts=order.revocation_id)
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
    """The identity that an order has for ever."""
    return event_id("revocation", article_id, order_no)


def sending_id(article_id: str, order_no: int, attempt: int) -> UUID:
    """The identity of one sending of an order."""
    return event_id("order", article_id, order_no, attempt)


def decide(
    head: ArticleHead,
    notices: Sequence[Notice],
    known: Mapping[NoticeKey, UUID],
    *,
    now: datetime,
    deadlines: Deadlines,
    limited: Collection[NoticeKey] = (),
) -> list[Decision]:
    """What to order on one article, given everything that is noticed of it at once.

    A notice that we know gets the order that it got, even one lifted since: holders fold by number. A new one
    joins the revocation that stands, or begins a new one.

    Args:
        head: the article's row, taken.
        notices: on this article, in order of arrival; the same one may come twice.
        known: the order that each known notice got.
        now: when they arrived.
        deadlines: from the start of the clock; of several notices the strictest counts.
        limited: new notices that need a second person: alone, they withhold the article and do not revoke it.
    """
    distinct = list({notice.key: notice for notice in notices}.values())
    decisions: list[Decision] = list(_repeats(distinct, known))
    new = tuple(notice for notice in distinct if notice.key not in known)
    if not new:
        return decisions
    withholds = all(notice.key in limited for notice in new)
    stands = head.revoked or (withholds and head.withheld)
    if stands and head.revocation_id is not None:
        # who may not revoke an article does not make its revocation late either
        counted = [notice for notice in new if notice.allowed]
        starts = min((clock_start(notice, now) for notice in counted), default=None)
        joined = ResendOrder(head.revocation_id, new, new, starts, deadlines.due_at(counted, now))
        return _joined(decisions, joined)
    deciding = new if withholds else [notice for notice in new if notice.key not in limited]
    started_at = min(clock_start(notice, now) for notice in deciding)
    order_no = next_number(head.order_no, now)
    first = deciding[0]
    said = [notice.revoked_at for notice in deciding if notice.revoked_at is not None]
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
            revoked_at=min(said, default=None),
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
    """The new notices are answered in the same sending as repeated ones of the same order."""
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
    """The order that ends a revocation, or the withholding of an article; None when it is not the one that stands."""
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
        lifts=revoked,
    )


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands in the books, with all that a sending says."""

    revocation_id: UUID
    article_id: str
    order_no: int
    previous_order: int | None
    """The last order on the article before; 0: there was none; None: it was ordered before numbers were chained."""
    kind: Kind
    reason: str
    clock_started_at: datetime
    due_at: datetime
    revoked_at: datetime | None
    ordered_at: datetime
    lifts: UUID | None
    attempts: int
    resend_from: datetime
    closed: bool
    traceparent: str | None

    def sent_again(self, clock_started_at: datetime | None, due_at: datetime | None) -> "Order":
        """The next sending, with the clock set back and due sooner where a notice that joined it says so."""
        return replace(
            self,
            attempts=self.attempts + 1,
            clock_started_at=min(self.clock_started_at, clock_started_at or self.clock_started_at),
            due_at=min(self.due_at, due_at or self.due_at),
        )

    @classmethod
    def of(cls, new: IssueOrder) -> "Order":
        """The first sending of a new order."""
        return cls(
            revocation_id=new.revocation_id,
            article_id=new.article_id,
            order_no=new.order_no,
            previous_order=new.previous_order,
            kind=new.kind,
            reason=new.reason,
            clock_started_at=new.clock_started_at,
            due_at=new.due_at,
            revoked_at=new.revoked_at,
            ordered_at=new.ordered_at,
            lifts=new.lifts,
            attempts=1,
            resend_from=new.ordered_at,
            closed=False,
            traceparent=new.traceparent,
        )


def reissued(order: Order, last: int, now: datetime) -> IssueOrder:
    """The last order, issued again above a number that a store knows and we have forgotten."""
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


_STEPS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_HOURLY_FOR = timedelta(days=3)
"""Who has not answered by then needs a person, and is reminded daily."""
RESEND_AFTER = (*_STEPS, *[_HOUR] * 72, _DAY)
"""From the first, second, … time that a holder still held what it reported removed, to the next sending to it."""


def next_send_at(resend_from: datetime, now: datetime) -> datetime:
    """When an order that stays open is sent again: 1, 5 and 15 minutes after, then every hour, after three days daily.

    Reckoned from its beginning and not from the last sending, so that a notice that repeats neither hurries nor
    postpones it.
    """
    for step in _STEPS:
        if resend_from + step > now:
            return resend_from + step
    every = _HOUR if now - resend_from < _HOURLY_FOR else _DAY
    return resend_from + ((now - resend_from) // every + 1) * every
