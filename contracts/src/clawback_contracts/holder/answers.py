"""What a holder answers: the receipt for an order, and which articles it holds."""

from collections.abc import Container, Mapping
from datetime import datetime

from clawback_contracts import cloudevents
from clawback_contracts.cloudevents import Headers, Message
from clawback_contracts.holder.v1 import Holding, HoldingsAnswer, HoldingsQuestion
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.receipts import addressed, receipt
from clawback_contracts.revocation.v1 import Outcome
from clawback_contracts.signatures import Signer


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
