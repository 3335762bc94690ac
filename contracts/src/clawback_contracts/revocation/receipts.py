"""How a holder answers an order."""

from collections.abc import Mapping
from datetime import datetime

from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import (
    ArticleReinstated,
    ArticleRemoved,
    ArticleRevoked,
    CopyRemoval,
    Outcome,
)


def receipt(
    order: ArticleRevoked | ArticleReinstated, holder: str, outcomes: Mapping[str, Outcome], *, at: datetime
) -> ArticleRemoved:
    """What became of each kind of copy. The same order, holder and attempt give the same receipt id."""
    return ArticleRemoved(
        receipt_id=event_id("receipt", order.article_id, order.order, holder, order.attempt),
        article_id=order.article_id,
        order=order.order,
        holder=holder,
        removals=tuple(CopyRemoval(copy_kind=kind, outcome=found) for kind, found in outcomes.items()),
        answered_at=at,
        attempt=order.attempt,
    )
