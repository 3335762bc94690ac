"""An alert: one condition, however often it is said, and what a saying makes of it."""

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
    """Text that cannot begin a line of its own, nor hide or turn around what stands beside it."""
    return " ".join(_INVISIBLE.sub(" ", text).split())[:length_max]


@dataclass(frozen=True, slots=True)
class Raised:
    """Somebody says that a condition holds."""

    name: str
    service: str
    severity: Severity
    summary: str
    at: datetime
    """When it was said; decides between a saying and a taking back that arrive in the wrong order."""
    labels: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    """When it began, where the sayer knows it; else when it was said."""
    is_event: bool = False
    """It happened, and is over: each saying is news of its own, never repeated and never taken back."""
    identity: str | None = None
    """The fingerprint that the sayer gives it; None: that of service, name and labels."""
    listed: bool = False
    """The sayer lists it from time to time for as long as it holds."""

    @property
    def fingerprint(self) -> str:
        """The identity of the condition."""
        return self.identity or fingerprint(self.service, self.name, self.labels)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Somebody says that it no longer holds."""

    fingerprint: str
    at: datetime
    by: str | None = None
    """The person, where it was one."""
    service: str | None = None
    """The service that says so; None: a person, or we ourselves."""


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
    """How often it began: 0 is an alert of which only an end was ever heard."""
    count: int
    """How often it was said in this occurrence."""
    first_at: datetime
    last_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_note: str | None = None
    """Why nobody need be reminded of this occurrence."""
    listed: bool = False
    """Its service lists it while it is firing."""

    @property
    def firing(self) -> bool:
        """Whether it holds now."""
        return self.status == "firing"

    @property
    def matched(self) -> dict[str, str]:
        """What matchers look at: its labels, and by name what is none."""
        own = {"name": self.name, "alertname": self.name, "service": self.service}
        return {**self.labels, **own, "severity": self.severity.value}

    def told(self, said: AlertEvent) -> "Alert":
        """The alert after a saying. One that is older than the contrary that is known does not turn it back."""
        if self._of_another(said):
            return self
        return self._raised(said) if isinstance(said, Raised) else self._resolved(said)

    def _of_another(self, said: AlertEvent) -> bool:
        """Whether a service speaks of the alert of another: a fingerprint is chosen by whoever sends it."""
        chosen = isinstance(said, Resolved) or said.identity is not None
        return bool(self.occurrence and chosen and said.service not in {None, self.service})

    def _raised(self, said: Raised) -> "Alert":
        late = self._is_late(said)
        if late and self.occurrence:
            return self
        known = replace(
            self,
            name=said.name,
            service=said.service,
            severity=said.severity,
            summary=one_line(said.summary),
            labels=dict(said.labels),
            is_event=said.is_event,
            listed=said.listed,
        )
        if self.firing and not said.is_event and not _graver(said.severity, self.severity):
            return replace(known, count=self.count + 1, last_at=max(self.last_at, said.at))
        over = said.is_event or late
        return replace(
            known,
            status="resolved" if over else "firing",
            occurrence=self.occurrence + 1,
            count=1,
            first_at=said.since or said.at,
            last_at=said.at,
            resolved_at=(self.resolved_at if late else said.at) if over else None,
            resolved_by=None,
            acknowledged_at=None,
            acknowledged_by=None,
            acknowledged_note=None,
        )

    def _is_late(self, said: Raised) -> bool:
        """Whether its end is known already: the beginning was overtaken by it."""
        return (
            not self.firing
            and not said.is_event
            and self.resolved_at is not None
            and said.at < self.resolved_at
        )

    def _resolved(self, said: Resolved) -> "Alert":
        if not self.firing:  # a beginning may still come, and must then be the later of the two to count
            return (
                self
                if self.is_event
                else replace(self, resolved_at=max(self.resolved_at or said.at, said.at))
            )
        if said.at < self.last_at:
            return self
        return replace(self, status="resolved", resolved_at=said.at, resolved_by=said.by)


def _graver(one: Severity, other: Severity) -> bool:
    """What gets worse is told anew."""
    order = list(Severity)
    return order.index(one) < order.index(other)
