"""Alerts, version 1, in Prometheus' words."""

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from clawback_contracts.envelope import Event, Instant, event_id


class Severity(StrEnum):
    """How soon a person must look: at once, today, or when there is time."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


def fingerprint(service: str, name: str, labels: Mapping[str, str]) -> str:
    """The identity of a condition: 16 hex digits of service, name and labels."""
    return event_id(service, name, *(f"{key}={value}" for key, value in sorted(labels.items()))).hex[:16]


class AlertRaised(Event):
    """A condition holds that a person should know of; repeats carry the same fingerprint."""

    TYPE: ClassVar[str] = "clawback.alert.raised.v1"
    TOPIC: ClassVar[str] = "alerts.v1"
    KEY: ClassVar[str] = "fingerprint"
    SENDER: ClassVar[str | None] = "service"

    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    """Of service, name and labels: the same condition has the same one."""
    name: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{2,99}$")
    """CamelCase; its runbook has the same name."""
    service: str
    severity: Severity
    summary: str = Field(max_length=500)
    """One sentence, without content: what happened, to which thing, what to do next."""
    labels: dict[str, str] = Field(default_factory=dict)
    raised_at: Instant
    listed: bool = False
    """Its service lists it in ``AlertsFiring`` for as long as it is firing."""


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
    """The alerts of a service that are firing now, of those that are listed.

    Any other of its listed alerts that was not raised within the last 25 hours has ended: its end was lost, or the
    database of the service was restored and has forgotten it.
    """

    TYPE: ClassVar[str] = "clawback.alert.firing.v1"
    TOPIC: ClassVar[str] = "alerts.v1"
    KEY: ClassVar[str] = "fingerprint"
    SENDER: ClassVar[str | None] = "service"

    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    """Of the service and the name ``AlertsFiring``: the key alone."""
    service: str
    firing: tuple[str, ...] = Field(max_length=10_000)
    """Their fingerprints."""
    listed_at: Instant
