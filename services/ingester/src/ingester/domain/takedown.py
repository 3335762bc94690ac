"""Takedowns: which order counts, and what we answer."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from clawback_contracts.revocation.v1 import ArticleReinstated, ArticleRevoked, CopyRemoval, Outcome

CONTENT = "content"
QUARANTINE = "quarantine"
COPY_KINDS = (CONTENT, QUARANTINE)
"""The kinds of copies that this service makes."""

AnyOrder = ArticleRevoked | ArticleReinstated


@dataclass(frozen=True, slots=True)
class Folded:
    """An identity row after the orders of a batch were folded into it."""

    article_id: str
    order_no: int
    order_before: int
    revoked: bool
    ever_held: bool

    @property
    def empties(self) -> bool:
        """Whether no text may be left: it is revoked, or an order was applied just now."""
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
    order: AnyOrder, row: Folded, removed_content: Collection[str], removed_quarantine: Collection[str]
) -> Sequence[CopyRemoval]:
    """What became of each kind of copy. Every arrival of an order is answered, however often it comes."""
    return [
        CopyRemoval(copy_kind=kind, outcome=_outcome(order, row, removed, kind))
        for kind, removed in ((CONTENT, removed_content), (QUARANTINE, removed_quarantine))
    ]


def _outcome(order: AnyOrder, row: Folded, removed: Collection[str], kind: str) -> Outcome:
    match order:
        case _ if order.order < row.order_no:
            return Outcome.SUPERSEDED
        case ArticleReinstated():
            return Outcome.REINSTATED
        case ArticleRevoked() if order.article_id in removed:
            return Outcome.REMOVED
        case ArticleRevoked() if row.ever_held and kind == CONTENT:
            return Outcome.ALREADY_REMOVED
        case ArticleRevoked():
            return Outcome.NEVER_HELD
