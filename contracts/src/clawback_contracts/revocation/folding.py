"""How a holder folds orders into what it holds: by number, so that repeats and late ones change nothing."""

from collections.abc import Iterable
from typing import NamedTuple

from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked

AnyOrder = ArticleRevoked | ArticleReinstated


class Folded(NamedTuple):
    """A holder's row of an article after the orders of a batch were folded into it."""

    article_id: str
    order_no: int
    order_before: int
    revoked: bool
    ever_held: bool

    @property
    def empties(self) -> bool:
        """Whether nothing may be left: it is revoked, or an order was applied just now."""
        return self.revoked or self.order_no > self.order_before


def latest(orders: Iterable[AnyOrder]) -> list[AnyOrder]:
    """One order an article, the greatest, sorted by id."""
    best: dict[str, AnyOrder] = {}
    for order in orders:
        held = best.get(order.article_id)
        if held is None or order.order > held.order:
            best[order.article_id] = order
    return sorted(best.values(), key=lambda order: order.article_id)
