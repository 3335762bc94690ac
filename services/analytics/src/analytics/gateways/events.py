"""The events that analytics publishes."""

from collections.abc import Mapping
from datetime import datetime

from clawback_common.kafka.envelope import Message
from clawback_contracts.revocation import receipts
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import Outcome

SERVICE = "analytics"
"""Also the name of analytics as a holder in compliance."""


def receipt(
    order: AnyOrder, outcomes: Mapping[str, Outcome], at: datetime, traceparent: str | None
) -> Message:
    """ArticleRemoved: the receipt for one sending of an order."""
    answer = receipts.receipt(order, SERVICE, outcomes, at=at)
    return Message.of(answer, answer.receipt_id, at=at, traceparent=traceparent)
