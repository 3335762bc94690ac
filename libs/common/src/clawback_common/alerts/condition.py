"""A condition that a person should know of, and the one that everybody who sends messages may find."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clawback_contracts.alert.v1 import Severity, fingerprint


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that holds now. The same name and labels are the same condition, however often it is found."""

    name: str
    severity: Severity
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def fingerprint(self, service: str) -> str:
        """Its identity, of the service that finds it, name and labels."""
        return fingerprint(service, self.name, self.labels)


def unsendable(lane: str) -> Condition:
    """A message that cannot be sent was set aside."""
    return Condition(
        "OutboxRowSetAside",
        Severity.CRITICAL,
        f"A row of the outbox lane {lane} cannot be sent and is set aside: see the incident.",
        {"lane": lane},
    )


def outbox_delayed(lane: str) -> Condition:
    """What was committed is not sent."""
    return Condition(
        "OutboxDelayed",
        Severity.CRITICAL if lane == "orders" else Severity.WARNING,
        f"The oldest message of the outbox lane {lane} waits for too long: see the log of the worker, the broker.",
        {"lane": lane},
    )


def lane_stalled(group: str, topic: str, kind: str) -> Condition:
    """A consumer lane waits, for every record fails in the same way."""
    return Condition(
        "LaneStalled",
        Severity.CRITICAL,
        f"Consumer group {group} waits on {topic}: handling fails with {kind}, and the records are not at fault. "
        "Nothing is quarantined or lost; nothing of this lane is handled until the cause is fixed.",
        {"group": group, "topic": topic},
    )


def handling_failed(group: str, topic: str) -> Condition:
    """A record was quarantined for an error that nobody expected."""
    return Condition(
        "RecordHandlingFailed",
        Severity.CRITICAL,
        f"Consumer group {group} quarantined a record of {topic} because handling it failed with an unexpected error: "
        "see the incident, fix the cause, retry the dead letter.",
        {"group": group, "topic": topic},
    )


def consumer_gap(service: str, detail: str) -> Condition:
    """Records were deleted before they were handled."""
    return Condition("ConsumerGap", Severity.CRITICAL, f"{service} does not start: {detail}"[:500])
