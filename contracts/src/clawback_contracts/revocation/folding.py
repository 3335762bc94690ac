"""How a holder applies orders: by number, so that repeated and late orders change nothing."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, ArticleWithheld

AnyOrder = ArticleRevoked | ArticleReinstated | ArticleWithheld
ORDERS = (ArticleRevoked, ArticleReinstated, ArticleWithheld)


class Status(StrEnum):
    """The state of an article after its last order."""

    LIVE = "live"
    WITHHELD = "withheld"
    """Kept, but not shown, published or counted."""
    REVOKED = "revoked"


class OrderHead(NamedTuple):
    """A holder's row of an article: the last order that it applied, and the resulting state."""

    article_id: str
    order_no: int = 0
    """0: no order yet."""
    status: Status = Status.LIVE
    revocation_id: UUID | None = None
    """The revocation id of the last order."""
    ever_held: bool = False


class Folded(NamedTuple):
    """A row after a batch of orders."""

    before: OrderHead
    after: OrderHead
    removes: bool
    """Whether every copy must be deleted: the article is revoked, or an applied order may follow a revocation."""
    last: AnyOrder | None = None
    """The order that was applied last; None: no order was applied."""
    unconfirmed: AnyOrder | None = None
    """The greatest order that was not applied, because it does not follow the last applied one."""

    @property
    def changed(self) -> bool:
        """Whether an order was applied."""
        return self.last is not None

    def covers(self, order: AnyOrder) -> bool:
        """Return whether the order was applied, now or before, or is superseded: then it can be answered."""
        return order.order <= self.after.order_no

    @property
    def returns(self) -> bool:
        """Whether a withheld copy is in use again."""
        return (
            not self.removes
            and self.before.status is Status.WITHHELD
            and self.after.status is Status.LIVE
            and self.after.ever_held
        )


def fold(head: OrderHead, orders: Iterable[AnyOrder], *, confirmed: bool = True) -> Folded:
    """Apply the orders on one article that are greater than the row's, in the order of their numbers.

    ``confirmed``: compliance has confirmed that it issued the orders. Otherwise only those that follow the row are
    applied.

    A copy is kept only along an unbroken chain of numbers. A missing order may have been a revocation, and a copy that
    it would have removed must not be used again.
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
    """Return whether an order directly follows the row's last order, and refers to it where it ends it."""
    if isinstance(order, ArticleReinstated):
        ends = head.status is not Status.LIVE and order.revocation_id == head.revocation_id
        return ends and order.previous_order == head.order_no
    if order.previous_order is None:
        return head.order_no == 0
    return order.previous_order == head.order_no


def keeps_copy(head: OrderHead, order: AnyOrder) -> bool:
    """Return whether the copy may stay when this order is applied to the row."""
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
    """Return the state of an article after an order."""
    match order:
        case ArticleRevoked():
            return Status.REVOKED
        case ArticleWithheld():
            return Status.WITHHELD
        case ArticleReinstated():
            return Status.LIVE


def fold_all(
    heads: Mapping[str, OrderHead], orders: Iterable[AnyOrder], *, confirmed: bool
) -> dict[str, Folded]:
    """Apply the orders on each of these articles, as ``fold``; sorted by article id."""
    found: dict[str, list[AnyOrder]] = {}
    for order in orders:
        found.setdefault(order.article_id, []).append(order)
    return {one: fold(heads[one], given, confirmed=confirmed) for one, given in sorted(found.items())}
