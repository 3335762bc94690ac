"""Who is notified of an alert: the route tree, receivers, and recipients."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from alerting.domain.alert import Alert
from alerting.domain.matcher import Matcher, all_match
from clawback_contracts.envelope import event_id

MAIL, SMS = "mail", "sms"
BY_ALERT = "..."
"""In ``group_by``: each alert is its own group."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person. The addresses are personal data: only the channel that sends to them gets them."""

    name: str
    addresses: Mapping[str, str] = field(repr=False)
    """By channel: mail, sms."""
    consented_at: date
    consented_by: str
    withdrawn_at: date | None = None

    @property
    def consents(self) -> bool:
        """Whether this person may be notified."""
        return self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A named set of recipients and direct channels."""

    name: str
    people: Sequence[tuple[str, str]] = ()
    """Recipient and channel (mail or sms)."""
    direct_channels: Sequence[str] = ()
    """Names of channels that have an address of their own."""
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the route tree. A child inherits the settings that it does not set."""

    path: str
    """Its position in the tree, such as ``0.2``; part of the group key."""
    receiver: str
    matchers: Sequence[Matcher]
    group_by: Sequence[str]
    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    continues: bool = False
    """Alertmanager's ``continue``: whether the following sibling routes are evaluated too."""
    routes: Sequence["Route"] = ()

    def matching(self, labels: Mapping[str, str]) -> Iterator["Route"]:
        """Yields the deepest matching routes, by the same rules as Alertmanager."""
        if not all_match(self.matchers, labels):
            return
        deeper = False
        for child in self.routes:
            found = list(child.matching(labels))
            yield from found
            deeper = deeper or bool(found)
            if found and not child.continues:
                break
        if not deeper:
            yield self

    def group_key(self, alert: Alert) -> str:
        """Returns the key of the group of this alert in this route."""
        if BY_ALERT in self.group_by:
            return str(event_id("group", self.path, self.receiver, alert.fingerprint))
        labels = alert.matched
        values = [f"{label}={labels.get(label, '')}" for label in sorted(self.group_by)]
        return str(event_id("group", self.path, self.receiver, *values))


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient through one channel, with the timing of its route."""

    recipient: str
    channel: str
    group_key: str
    wait: timedelta = timedelta(0)
    interval: timedelta = timedelta(0)
    repeat: timedelta | None = None
    send_resolved: bool = False


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """The routes file, read and checked."""

    root: Route
    receivers: Mapping[str, Receiver]
    recipients: Mapping[str, Recipient]
    direct_channels: Mapping[str, str] = field(repr=False)
    """Address of each direct channel, by name. The addresses contain secrets."""

    @property
    def channels(self) -> list[str]:
        """Every channel that reaches somebody."""
        people = {channel for one in self.receivers.values() for _, channel in one.people}
        return sorted(
            people | {channel for one in self.receivers.values() for channel in one.direct_channels}
        )

    def targets(self, alert: Alert) -> list[Target]:
        """Returns who is notified: each recipient once per channel, by the first route that names it."""
        found: dict[tuple[str, str], Target] = {}
        for route in self.root.matching(alert.matched):
            receiver = self.receivers[route.receiver]
            for recipient, channel in self.reached(receiver):
                found.setdefault(
                    (recipient, channel),
                    Target(
                        recipient,
                        channel,
                        route.group_key(alert),
                        route.group_wait,
                        route.group_interval,
                        route.repeat_interval,
                        receiver.send_resolved,
                    ),
                )
        return list(found.values())

    def all_targets(self, cause: str) -> list[Target]:
        """Returns every recipient through every channel, without waiting; used by the test alert."""
        pairs = {pair for receiver in self.receivers.values() for pair in self.reached(receiver)}
        return [Target(*pair, str(event_id("group", cause, *pair))) for pair in sorted(pairs)]

    def reached(self, receiver: Receiver) -> list[tuple[str, str]]:
        """Returns recipient and channel of everybody who consents; the recipient of a direct channel is the channel."""
        people = [pair for pair in receiver.people if self.recipients[pair[0]].consents]
        return [*people, *((channel, channel) for channel in receiver.direct_channels)]

    def address(self, recipient: str, channel: str) -> str | None:
        """Returns the address to send to; None if the recipient may no longer be notified there."""
        if channel in self.direct_channels:
            return self.direct_channels[channel]
        person = self.recipients.get(recipient)
        return person.addresses.get(channel) if person and person.consents else None
