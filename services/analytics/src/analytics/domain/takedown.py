"""Takedowns: which order counts, and what we answer."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, Outcome

CONTENT = "content"
QUARANTINE = "quarantine"
COPY_KINDS = (CONTENT, QUARANTINE)
"""The kinds of copies that this service makes: what articles are counted by, and records that it could not use."""

AnyOrder = ArticleRevoked | ArticleReinstated


class Folded(NamedTuple):
    """A row after the orders of a batch were folded into it."""

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


def answer(
    order: AnyOrder, row: Folded, emptied: Collection[str], purged: Collection[str]
) -> Mapping[str, Outcome]:
    """What became of each kind of copy. Every arrival of an order is answered, however often it comes."""
    return {
        CONTENT: _outcome(order, row, emptied, ever_held=row.ever_held),
        QUARANTINE: _outcome(order, row, purged, ever_held=False),
    }


def _outcome(order: AnyOrder, row: Folded, removed: Collection[str], *, ever_held: bool) -> Outcome:
    match order:
        case _ if order.order < row.order_no:
            return Outcome.SUPERSEDED
        case ArticleReinstated():
            return Outcome.REINSTATED
        case ArticleRevoked() if order.article_id in removed:
            return Outcome.REMOVED
        case ArticleRevoked() if ever_held:
            return Outcome.ALREADY_REMOVED
        case ArticleRevoked():
            return Outcome.NEVER_HELD
