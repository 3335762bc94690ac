"""Alerts: on their topic for whoever routes them, and as a line in the log for whoever reads only that."""

from datetime import datetime
from uuid import UUID

import structlog

from clawback_common.bus.envelope import Message
from clawback_common.watching.condition import Condition
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved
from clawback_contracts.envelope import event_id

_log = structlog.stdlib.get_logger(__name__)


def raised(service: str, condition: Condition, occurrence: int, at: datetime) -> Message:
    """Says that it holds. The message's identity is the condition, the number of this saying and its time.

    A restored database counts again from where it stood; without the time, who has seen the number would pass over what
    is said under it.
    """
    _log.warning(
        "alert raised",
        alert=condition.name,
        severity=condition.severity,
        said=condition.summary,
        labels=dict(condition.labels),
    )
    event = AlertRaised(
        fingerprint=condition.fingerprint(service),
        name=condition.name,
        service=service,
        severity=condition.severity,
        summary=condition.summary[:500],
        labels=dict(condition.labels),
        raised_at=at,
    )
    return Message.of(event, _identity(event.fingerprint, occurrence, at), at=at, traceparent=None)


def resolved(service: str, fingerprint: str, name: str, occurrence: int, at: datetime) -> Message:
    """Takes an alert back."""
    _log.info("alert resolved", alert=name, fingerprint=fingerprint)
    event = AlertResolved(fingerprint=fingerprint, name=name, service=service, resolved_at=at)
    return Message.of(event, _identity(fingerprint, occurrence, at), at=at, traceparent=None)


def _identity(fingerprint: str, occurrence: int, at: datetime) -> UUID:
    return event_id("alert", fingerprint, occurrence, at.isoformat())
