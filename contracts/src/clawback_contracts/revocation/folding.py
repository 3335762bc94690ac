"""How a holder folds orders into what it holds: by number, so that repeats and late ones change nothing."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld

AnyOrder = ArticleRevoked | ArticleReinstated | ArticleWithheld
ORDERS = (ArticleRevoked, ArticleReinstated, ArticleWithheld)


class Status(StrEnum):
    """What the last order made of an article."""

    LIVE = "live"
    WITHHELD = "withheld"
    """Kept, but not shown, published or counted."""
    REVOKED = "revoked"


class OrderHead(NamedTuple):
    """A holder's row of an article: the last order that it applied, and what it made of it."""

    article_id: str
    order_no: int = 0
    """0: no order yet."""
    status: Status = Status.LIVE
    revocation_id: UUID | None = None
    """The one that the last order names."""
    ever_held: bool = False


class Folded(NamedTuple):
    """What the orders of a batch made of a row."""

    before: OrderHead
    after: OrderHead
    removes: bool
    """Whether no copy may be left: the article is revoked, or an order was applied that may follow a revocation."""
    last: AnyOrder | None = None
    """The order that was applied last; None: none was."""
    unconfirmed: AnyOrder | None = None
    """The greatest order that was not applied, because it does not follow the last one that was."""

    @property
    def changed(self) -> bool:
        """Whether an order was applied."""
        return self.last is not None

    @property
    def returns(self) -> bool:
        """Whether a copy that was withheld is in use again."""
        return (
            not self.removes
            and self.before.status is Status.WITHHELD
            and self.after.status is Status.LIVE
            and self.after.ever_held
        )


def fold(head: OrderHead, orders: Iterable[AnyOrder], *, confirmed: bool = True) -> Folded:
    """Applies the orders on one article that are greater than the row's, in the order of their numbers.

    ``confirmed``: their issuer says that it issued them. Otherwise only those that follow the row are applied.

    A copy is kept only along an unbroken chain of numbers: where an order is missing, it may have been a revocation,
    and what that would have removed must not come back.
    """
    after, removes = head, head.status is Status.REVOKED
    last: AnyOrder | None = None
    unconfirmed: AnyOrder | None = None
    for order in sorted(orders, key=lambda order: order.order):
        if order.order > after.order_no and not (confirmed or follows(after, order)):
            unconfirmed = order
        elif order.order > after.order_no:
            removes = removes or not keeps_copy(after, order)
            after = after._replace(
                order_no=order.order, status=status_of(order), revocation_id=order.revocation_id
            )
            last = order
    if unconfirmed is not None and unconfirmed.order <= after.order_no:
        unconfirmed = None
    return Folded(head, after, removes, last, unconfirmed)


def follows(head: OrderHead, order: AnyOrder) -> bool:
    """Whether an order comes directly after the last one that the row has applied, and ends that where it says so."""
    if isinstance(order, ArticleReinstated):
        ends = head.status is not Status.LIVE and order.revocation_id == head.revocation_id
        return ends and order.previous_order == head.order_no
    if order.previous_order is None:
        return head.order_no == 0
    return order.previous_order == head.order_no


def keeps_copy(head: OrderHead, order: AnyOrder) -> bool:
    """Whether what is held may stay when this order is applied to the row."""
    if order.previous_order != head.order_no:
        return False
    match order:
        case ArticleRevoked():
            return False
        case ArticleWithheld():
            return head.status is not Status.REVOKED
        case ArticleReinstated():
            return head.status is Status.WITHHELD


def status_of(order: AnyOrder) -> Status:
    """What an order makes of an article."""
    match order:
        case ArticleRevoked():
            return Status.REVOKED
        case ArticleWithheld():
            return Status.WITHHELD
        case ArticleReinstated():
            return Status.LIVE


def by_article(orders: Iterable[AnyOrder]) -> dict[str, list[AnyOrder]]:
    """The orders on each article, sorted by id."""
    found: dict[str, list[AnyOrder]] = {}
    for order in orders:
        found.setdefault(order.article_id, []).append(order)
    return dict(sorted(found.items()))
