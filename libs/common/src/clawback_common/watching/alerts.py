"""Alerts: on their topic for whoever routes them, and as a line in the log for whoever reads only that."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import structlog

from clawback_common.bus.envelope import Message
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.envelope import event_id
from compliance.domain.condition import SERVICE, Condition

_log = structlog.stdlib.get_logger(__name__)


def raised(conditions: Iterable[Condition], occurrence: Mapping[str, int], at: datetime) -> list[Message]:
    """One message a condition; its identity is the condition and the number of this saying."""
    messages = []
    for condition in conditions:
        _log.warning(
            "alert raised",
            alert=condition.name,
            severity=condition.severity,
            said=condition.summary,
            labels=dict(condition.labels),
        )
        event = AlertRaised(
            fingerprint=condition.fingerprint,
            name=condition.name,
            service=SERVICE,
            severity=condition.severity,
            summary=condition.summary[:500],
            labels=dict(condition.labels),
            raised_at=at,
        )
        said = event_id("alert", condition.fingerprint, occurrence[condition.fingerprint])
        messages.append(Message.of(event, said, at=at, traceparent=None))
    return messages


def resolved(fingerprint: str, name: str, occurrence: int, at: datetime) -> Message:
    """Takes an alert back."""
    _log.info("alert resolved", alert=name, fingerprint=fingerprint)
    event = AlertResolved(fingerprint=fingerprint, name=name, service=SERVICE, resolved_at=at)
    return Message.of(event, event_id("alert", fingerprint, occurrence), at=at, traceparent=None)
