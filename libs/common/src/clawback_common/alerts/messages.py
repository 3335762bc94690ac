"""Messages of alerts: published to the topic of alerts and written to the log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog

from clawback_common.alerts.condition import Condition
from clawback_common.kafka.envelope import Message
from clawback_contracts.alert.v1 import AlertRaised, AlertResolved, AlertsFiring, Severity, fingerprint
from clawback_contracts.envelope import event_id

_log = structlog.stdlib.get_logger(__name__)


def raised(
    service: str, condition: Condition, occurrence: int, at: datetime, *, listed: bool = False
) -> Message:
    """Return the message that raises an alert, and log it.

    The event id is derived from the condition, the occurrence number and the time. A restored database reuses
    occurrence numbers; without the time, receivers would discard the new alert as a duplicate.
    """
    _log.warning(
        "alert raised",
        alert=condition.name,
        severity=condition.severity,
        detail=condition.summary,
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
        listed=listed,
    )
    return Message.of(event, _identity(event.fingerprint, occurrence, at), at=at, traceparent=None)


def resolved(service: str, identity: str, name: str, occurrence: int, at: datetime) -> Message:
    """Return the message that resolves an alert, and log it."""
    _log.info("alert resolved", alert=name, fingerprint=identity)
    event = AlertResolved(fingerprint=identity, name=name, service=service, resolved_at=at)
    return Message.of(event, _identity(identity, occurrence, at), at=at, traceparent=None)


def event(
    service: str,
    name: str,
    summary: str,
    *,
    at: datetime,
    cause: object,
    severity: Severity = Severity.CRITICAL,
    **labels: str,
) -> Message:
    """Return the message that raises an event rather than a state. The same ``cause`` is the same event."""
    identity = fingerprint(service, name, labels)
    raised = AlertRaised(
        fingerprint=identity,
        name=name,
        service=service,
        severity=severity,
        summary=summary[:500],
        labels=labels,
        raised_at=at,
    )
    return Message.of(raised, event_id("alert", identity, cause), at=at, traceparent=None)


def firing(service: str, fingerprints: Sequence[str], at: datetime) -> Message:
    """Return the list of firing alerts, of those that are raised as listed."""
    name = AlertsFiring.__name__
    key = fingerprint(service, name, {})
    event = AlertsFiring(fingerprint=key, service=service, firing=tuple(fingerprints), listed_at=at)
    return Message.of(event, event_id(name, service, at.isoformat()), at=at, traceparent=None)


def _identity(identity: str, occurrence: int, at: datetime) -> UUID:
    return event_id("alert", identity, occurrence, at.isoformat())
