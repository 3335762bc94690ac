"""What a holder answers: the receipt for an order, however often it is delivered, and which articles it holds."""

from collections.abc import Collection, Container, Mapping
from datetime import datetime
from uuid import UUID

from clawback_contracts import cloudevents
from clawback_contracts.cloudevents import Headers, Message
from clawback_contracts.envelope import event_id
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer, HoldingsQuestion
from clawback_contracts.revocation.folding import AnyOrder, Folded
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    ArticleWithheld,
    CopyRemoval,
    Outcome,
)
from clawback_contracts.signatures import Signer

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


def receipt_for(
    order: AnyOrder,
    holder: str,
    outcomes: Mapping[str, Outcome],
    at: datetime,
    cause: Headers = (),
    signer: Signer | None = None,
) -> Message | None:
    """Return the receipt for one delivery of an order as a record; None when other holders must answer it.

    Args:
        order: the order.
        holder: the name under which the holder is registered.
        outcomes: the outcome for each kind of copy that it declared.
        at: when it was applied.
        cause: the headers of the order, whose trace the receipt joins.
        signer: signs the receipt.
    """
    if not addressed(order, holder):
        return None
    answer = receipt(order, holder, outcomes, at=at)
    return cloudevents.write(answer, answer.receipt_id, holder, at, cause, signer)


def holdings(
    question: HoldingsQuestion, held: Container[str], orders: Mapping[str, int] | None = None
) -> HoldingsAnswer:
    """Return the answer to a holdings question, given the ids of which any copy is stored.

    ``orders``: our own stores only, as in ``HoldingsAnswer.orders``.
    """
    items = {one: Holding.HELD if one in held else Holding.GONE for one in question.article_ids}
    return HoldingsAnswer(items=items, orders=None if orders is None else dict(orders))
