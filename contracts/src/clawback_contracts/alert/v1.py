"""Alerts, version 1, in the terms of Prometheus."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from clawback_contracts.envelope import Event, Instant, event_id


class Severity(StrEnum):
    """How soon a person must act: at once, today, or when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


def fingerprint(service: str, name: str, labels: Mapping[str, str]) -> str:
    """Return the identity of a condition: 16 hex digits derived from service, name and labels."""
    return event_id(service, name, *(f"{key}={value}" for key, value in sorted(labels.items()))).hex[:16]


class AlertRaised(Event):
    """A condition holds that a person should know of. Repeats have the same fingerprint."""

    TYPE: ClassVar[str] = "clawback.alert.raised.v1"
    TOPIC: ClassVar[str] = "alerts.v1"
    KEY: ClassVar[str] = "fingerprint"
    SENDER: ClassVar[str | None] = "service"

    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    """Derived from service, name and labels: the same condition has the same fingerprint."""
    name: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{2,99}$")
    """CamelCase; its runbook has the same name."""
    service: str
    severity: Severity
    summary: str = Field(max_length=500)
    """One sentence, without content: what happened, to which thing, what to do next."""
    labels: dict[str, str] = Field(default_factory=dict)
    raised_at: Instant
    listed: bool = False
    """The service lists it in ``AlertsFiring`` as long as it is firing."""


class AlertResolved(Event):
    """The condition no longer holds."""

    TYPE: ClassVar[str] = "clawback.alert.resolved.v1"
    TOPIC: ClassVar[str] = "alerts.v1"
    KEY: ClassVar[str] = "fingerprint"
    SENDER: ClassVar[str | None] = "service"

    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    name: str
    service: str
    resolved_at: Instant


class AlertsFiring(Event):
    """The firing alerts of a service, of those that are raised as listed.

    Any other listed alert of the service that was not raised within the last 25 hours has ended: its resolution was
    lost, or the service's database was restored and does not know the alert.
    """

    TYPE: ClassVar[str] = "clawback.alert.firing.v1"
    TOPIC: ClassVar[str] = "alerts.v1"
    KEY: ClassVar[str] = "fingerprint"
    SENDER: ClassVar[str | None] = "service"

    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    """Derived from the service and the name ``AlertsFiring``; used as the key only."""
    service: str
    firing: tuple[str, ...] = Field(max_length=10_000)
    """Their fingerprints."""
    listed_at: Instant
