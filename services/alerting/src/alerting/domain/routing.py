"""Who is told of an alert: the route tree, receivers, and the people behind them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from alerting.domain.alert import Alert
from alerting.domain.matcher import Matcher, all_match
from clawback_contracts.envelope import event_id

MAIL, SMS = "mail", "sms"
BY_ALERT = "..."
"""In ``group_by``: every alert is a group of its own."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person. The addresses are personal data: they are shown to nobody but the channel."""

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
    """A name under which people and rooms are reached."""

    name: str
    people: Sequence[tuple[str, str]] = ()
    """Recipient and channel (mail or sms)."""
    rooms: Sequence[str] = ()
    """Names of channels that have an address of their own."""
    send_resolved: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree. What a child leaves out it has from its parent."""

    path: str
    """Its place in the tree, such as ``0.2``: part of the identity of a group."""
    receiver: str
    matchers: Sequence[Matcher]
    group_by: Sequence[str]
    group_wait: timedelta
    group_interval: timedelta
    repeat_interval: timedelta
    goes_on: bool = False
    """``continue``: also look at the routes after it."""
    routes: Sequence["Route"] = ()

    def matching(self, labels: Mapping[str, str]) -> Iterator["Route"]:
        """The deepest routes that fit, as Alertmanager finds them."""
        if not all_match(self.matchers, labels):
            return
        deeper = False
        for child in self.routes:
            found = list(child.matching(labels))
            yield from found
            deeper = deeper or bool(found)
            if found and not child.goes_on:
                break
        if not deeper:
            yield self

    def group_key(self, alert: Alert) -> str:
        """The identity of the group into which an alert falls here."""
        if BY_ALERT in self.group_by:
            return str(event_id("group", self.path, self.receiver, alert.fingerprint))
        labels = alert.matched
        values = [f"{label}={labels.get(label, '')}" for label in sorted(self.group_by)]
        return str(event_id("group", self.path, self.receiver, *values))


@dataclass(frozen=True, slots=True)
class Target:
    """One recipient by one channel, and how patient its route is."""

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
    rooms: Mapping[str, str] = field(repr=False)
    """Address of each channel that has one of its own. They hold secrets."""

    @property
    def channels(self) -> list[str]:
        """Every channel by which somebody is reached."""
        people = {channel for one in self.receivers.values() for _, channel in one.people}
        return sorted(people | {room for one in self.receivers.values() for room in one.rooms})

    def targets(self, alert: Alert) -> list[Target]:
        """Who is told: each recipient once by each channel, by the first route that names it."""
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

    def everybody(self, cause: str) -> list[Target]:
        """Everyone by every channel, at once: for a test."""
        pairs = {pair for receiver in self.receivers.values() for pair in self.reached(receiver)}
        return [Target(*pair, str(event_id("group", cause, *pair))) for pair in sorted(pairs)]

    def reached(self, receiver: Receiver) -> list[tuple[str, str]]:
        """Recipient and channel of all who consent; a room stands for itself."""
        people = [pair for pair in receiver.people if self.recipients[pair[0]].consents]
        return [*people, *((room, room) for room in receiver.rooms)]

    def address(self, recipient: str, channel: str) -> str | None:
        """Where to send; None when nobody may be notified there any more."""
        if channel in self.rooms:
            return self.rooms[channel]
        person = self.recipients.get(recipient)
        return person.addresses.get(channel) if person and person.consents else None
