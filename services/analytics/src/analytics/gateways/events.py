"""Decisions as messages."""

from collections.abc import Mapping
from datetime import datetime

from clawback_common.kafka.envelope import Message
from clawback_contracts.revocation import receipts
from clawback_contracts.revocation.folding import AnyOrder
from clawback_contracts.revocation.v1 import Outcome

SERVICE = "analytics"
"""Also the name under which compliance knows us as a holder."""


def receipt(
    order: AnyOrder, outcomes: Mapping[str, Outcome], at: datetime, traceparent: str | None
) -> Message:
    """ArticleRemoved: our answer to one sending of an order."""
    answer = receipts.receipt(order, SERVICE, outcomes, at=at)
    return Message.of(answer, answer.receipt_id, at=at, traceparent=traceparent)
