"""How a holder answers an order. Every delivery of an order is answered, however often it is delivered."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.folding import AnyOrder, Folded
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    ArticleWithheld,
    CopyRemoval,
    Outcome,
)

CONTENT = "content"
QUARANTINE = "quarantine"
"""Kinds of copies: the stored article, and quarantined records."""


def outcomes_of(
    order: AnyOrder, row: Folded, emptied: Collection[str], purged: Collection[str]
) -> dict[str, Outcome]:
    """Return the outcome for each kind of copy, given the ids with just deleted content and quarantined records."""
    last, ever_held = row.after.order_no, row.before.ever_held
    return {
        CONTENT: outcome_of(order, last, removed=order.article_id in emptied, ever_held=ever_held),
        QUARANTINE: outcome_of(order, last, removed=order.article_id in purged, ever_held=False),
    }


def outcome_of(order: AnyOrder, last_order: int, *, removed: bool, ever_held: bool) -> Outcome:
    """Return the outcome of an order for one kind of copy.

    Args:
        order: the order.
        last_order: the last order that the holder has applied, this one included.
        removed: whether a revocation removes a copy now.
        ever_held: whether a copy was held at any time.
    """
    match order:
        case _ if order.order < last_order:
            return Outcome.SUPERSEDED
        case ArticleReinstated():
            return Outcome.REINSTATED
        case ArticleWithheld():
            return Outcome.WITHHELD
        case ArticleRevoked() if removed:
            return Outcome.REMOVED
        case ArticleRevoked() if ever_held:
            return Outcome.ALREADY_REMOVED
        case ArticleRevoked():
            return Outcome.NEVER_HELD


def addressed(order: AnyOrder, holder: str) -> bool:
    """Return whether this holder must answer this sending; it applies the order in any case."""
    return order.holders is None or holder in order.holders


def receipt_id(article_id: str, order: int, holder: str, attempt: int) -> UUID:
    """Return a receipt's id: a uuid5, as described in ``ArticleRemoved.receipt_id``. Numbers are decimal."""
    return event_id("receipt", article_id, order, holder, attempt)


def receipt(order: AnyOrder, holder: str, outcomes: Mapping[str, Outcome], *, at: datetime) -> ArticleRemoved:
    """Return the receipt with these outcomes. The same order, holder and attempt give the same receipt id."""
    return ArticleRemoved(
        receipt_id=receipt_id(order.article_id, order.order, holder, order.attempt),
        article_id=order.article_id,
        order=order.order,
        holder=holder,
        removals=tuple(CopyRemoval(copy_kind=kind, outcome=outcome) for kind, outcome in outcomes.items()),
        answered_at=at,
        attempt=order.attempt,
    )
