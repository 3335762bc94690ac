"""An alert and its state machine: how raised and resolved events are folded into one row per condition."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from clawback_contracts.alert.v1 import Severity, fingerprint

Status = Literal["firing", "resolved"]
TEXT_MAX = 500
_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+"
)


def one_line(text: str, length_max: int = TEXT_MAX) -> str:
    """Removes control characters, line breaks and bidirectional overrides, and truncates the text.

    The result is a single line that cannot hide or reorder the text next to it.
    """
    return " ".join(_INVISIBLE.sub(" ", text).split())[:length_max]


@dataclass(frozen=True, slots=True)
class Raised:
    """Reports that a condition is true."""

    name: str
    service: str
    severity: Severity
    summary: str
    at: datetime
    """When it was raised. It orders raised and resolved events that arrive out of order."""
    labels: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    """When the condition began, if the source knows it; otherwise `at` is used."""
    is_event: bool = False
    """Whether this is a single event: each one is a new occurrence that is never repeated and never resolved."""
    identity: str | None = None
    """The fingerprint that the source assigns; None: the one computed from service, name and labels."""
    listed: bool = False
    """Whether the source periodically publishes this alert in a list while it is firing."""

    @property
    def fingerprint(self) -> str:
        """The identity of the condition."""
        return self.identity or fingerprint(self.service, self.name, self.labels)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Reports that a condition is no longer true."""

    fingerprint: str
    at: datetime
    by: str | None = None
    """The person who resolved it, if a person did."""
    service: str | None = None
    """The service that resolved it; None: a person, or alerting itself."""


AlertEvent = Raised | Resolved


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that was raised, with its latest occurrence."""

    fingerprint: str
    name: str
    service: str
    severity: Severity
    summary: str
    labels: Mapping[str, str]
    is_event: bool
    status: Status
    occurrence: int
    """The number of the occurrence. 0: only a resolution was received so far."""
    count: int
    """How often it was raised in this occurrence."""
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_note: str | None = None
    """Why the person who acknowledged it wants no more reminders."""
    listed: bool = False
    """Whether its service periodically lists it while it is firing."""

    @property
    def firing(self) -> bool:
        """Whether the condition is true now."""
        return self.status == "firing"

    @property
    def matched(self) -> dict[str, str]:
        """The labels that matchers see: its own, and `name`, `alertname`, `service` and `severity`."""
        own = {"name": self.name, "alertname": self.name, "service": self.service}
        return {**self.labels, **own, "severity": self.severity.value}

    def fold(self, event: AlertEvent) -> "Alert":
        """Folds an event into the alert.

        An event that is older than the known contrary event does not change the status.

        Returns:
            The alert after the event.
        """
        if self._of_other_service(event):
            return self
        return self._raised(event) if isinstance(event, Raised) else self._resolved(event)

    def _of_other_service(self, event: AlertEvent) -> bool:
        """Whether the event is about the alert of another service.

        The sender chooses the fingerprint, so this is checked.
        """
        chosen = isinstance(event, Resolved) or event.identity is not None
        return bool(self.occurrence and chosen and event.service not in {None, self.service})

    def _raised(self, event: Raised) -> "Alert":
        is_late = self._is_late(event)
        if is_late and self.occurrence:
            return self
        updated = replace(
            self,
            name=event.name,
            service=event.service,
            severity=event.severity,
            summary=one_line(event.summary),
            labels=dict(event.labels),
            is_event=event.is_event,
            listed=event.listed,
        )
        if self.firing and not event.is_event and not _is_higher(event.severity, self.severity):
            return replace(updated, count=self.count + 1, last_at=max(self.last_at, event.at))
        has_ended = event.is_event or is_late
        return replace(
            updated,
            status="resolved" if has_ended else "firing",
            occurrence=self.occurrence + 1,
            count=1,
            first_at=event.since or event.at,
            last_at=event.at,
            resolved_at=(self.resolved_at if is_late else event.at) if has_ended else None,
            resolved_by=None,
            acknowledged_at=None,
            acknowledged_by=None,
            acknowledged_note=None,
        )

    def _is_late(self, event: Raised) -> bool:
        """Whether a later resolution of this event is known already: it arrived first."""
        return (
            not self.firing
            and not event.is_event
            and self.resolved_at is not None
            and event.at < self.resolved_at
        )

    def _resolved(self, event: Resolved) -> "Alert":
        if (
            not self.firing
        ):  # the raised event may still arrive; only a later one may set the status to firing
            resolved_at = max(self.resolved_at or event.at, event.at)
            return self if self.is_event else replace(self, resolved_at=resolved_at)
        if event.at < self.last_at:
            return self
        return replace(self, status="resolved", resolved_at=event.at, resolved_by=event.by)


def _is_higher(one: Severity, other: Severity) -> bool:
    """Whether the first severity is higher. A higher severity starts a new occurrence."""
    order = list(Severity)
    return order.index(one) < order.index(other)
