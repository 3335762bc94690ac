"""Conditions that a person must be notified of, and those that every service can raise."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clawback_contracts.alert.v1 import Severity, fingerprint


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that holds now. Conditions with the same name and labels are the same condition."""

    name: str
    severity: Severity
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, service: str) -> str:
        """Return its identity, derived from the service, the name and the labels."""
        return fingerprint(service, self.name, self.labels)


def unsendable(lane: str) -> Condition:
    """Return the alert for an outbox row that cannot be sent."""
    return Condition(
        "OutboxRowSetAside",
        Severity.CRITICAL,
        f"A row of the outbox lane {lane} cannot be sent and was marked as failed: see the incident.",
        {"lane": lane},
    )


def outbox_delayed(lane: str) -> Condition:
    """Return the alert for committed messages that are not sent in time."""
    return Condition(
        "OutboxDelayed",
        Severity.CRITICAL if lane == "priority" else Severity.WARNING,
        f"The oldest message of the outbox lane {lane} waits too long: check the worker's log and the broker.",
        {"lane": lane},
    )


def lane_stalled(group: str, topic: str, kind: str) -> Condition:
    """Return the alert for a consumer lane that waits because every record fails in the same way."""
    return Condition(
        "LaneStalled",
        Severity.CRITICAL,
        f"Consumer group {group} waits on {topic}: handling fails with {kind}, and the records are not at fault. "
        "Nothing is quarantined or lost; nothing of this lane is handled until the cause is fixed.",
        {"group": group, "topic": topic},
    )


def handling_failed(group: str, topic: str) -> Condition:
    """Return the alert for a record that was quarantined because of an unexpected error."""
    return Condition(
        "RecordHandlingFailed",
        Severity.CRITICAL,
        f"Consumer group {group} quarantined a record of {topic} because handling it failed with an unexpected error: "
        "see the incident, fix the cause, retry the dead letter.",
        {"group": group, "topic": topic},
    )


def consumer_gap(service: str, detail: str) -> Condition:
    """Return the alert for records that Kafka deleted before they were processed."""
    return Condition("ConsumerGap", Severity.CRITICAL, f"{service} does not start: {detail}"[:500])
