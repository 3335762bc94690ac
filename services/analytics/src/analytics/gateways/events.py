"""Decisions as messages."""

from collections.abc import Mapping
from datetime import datetime

from clawback_common.kafka.envelope import Message
from clawback_contracts.alert.v1 import AlertRaised, Severity, fingerprint
from clawback_contracts.envelope import event_id
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


def alert(name: str, summary: str, *, at: datetime, cause: object, **labels: str) -> Message:
    """AlertRaised, critical. The same ``cause`` is the same event."""
    identity = fingerprint(SERVICE, name, labels)
    raised = AlertRaised(
        fingerprint=identity,
        name=name,
        service=SERVICE,
        severity=Severity.CRITICAL,
        summary=summary[:500],
        labels=labels,
        raised_at=at,
    )
    return Message.of(raised, event_id("alert", identity, cause), at=at, traceparent=None)
