"""The routes file: read with its lines, and checked as a whole, so that one start tells every mistake in it."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import yaml

from alerting.domain.matcher import Matcher
from alerting.domain.routing import BY_ALERT, MAIL, SMS, Receiver, Recipient, Route, RoutingConfig
from alerting.gateways.yaml_lines import Lines, Node
from clawback_common.errors import Stop

DEPTH_MAX = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ADDRESS = {
    MAIL: re.compile(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?"
    ),
    SMS: re.compile(r"\+[1-9][0-9]{4,14}"),
}
_LOOKS = {MAIL: "no address such as officer@example.org", SMS: "no number such as +15550100"}
_REPEAT_MIN = timedelta(minutes=1)
_ROUTE_KEYS = (
    "receiver",
    "matchers",
    "group_by",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "continue",
    "routes",
)


def read_routes(path: Path, known_address: Callable[[str], bool]) -> RoutingConfig:
    """The file, checked.

    Args:
        path: of the file.
        known_address: whether a channel's address is one that can be sent to.

    Raises:
        Stop: it cannot be read; or it names each mistake with file and line.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"ALERT_ROUTES {path} cannot be read ({type(error).__name__})") from None
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise Stop(f"{path}:{mark.line + 1 if mark else 1}: this is no YAML") from None
    reading = _Reading(Lines(), known_address)
    book = reading.book(root)
    mistakes = reading.lines.mistakes
    if mistakes or book is None:
        told = sorted(set(mistakes)) or [(1, "the file is empty")]
        raise Stop("\n".join(f"{path}:{line}: {words}" for line, words in told))
    return book


@dataclass(frozen=True, slots=True)
class _Parent:
    """What a route has from the one above it."""

    receiver: str = ""
    group_by: Sequence[str] = ()
    wait: timedelta = timedelta(seconds=30)
    interval: timedelta = timedelta(minutes=5)
    repeat: timedelta = timedelta(hours=4)
    """Alertmanager's own."""


@dataclass
class _Reading:
    """One pass over the file."""

    lines: Lines
    known_address: Callable[[str], bool]
    recipients: dict[str, Recipient] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)
    receivers: dict[str, Receiver] = field(default_factory=dict)

    def book(self, root: Node | None) -> RoutingConfig | None:
        """All of it; None when there is nothing to begin with."""
        if root is None:
            return None
        wanted = ("recipients", "receivers", "route")
        given = self.lines.fields(root, "the file", required=wanted, optional=("channels",))
        for item in self.lines.items(given.get("recipients"), "recipients"):
            self._recipient(item)
        for item in self.lines.items(given.get("channels"), "channels"):
            self._room(item)
        for item in self.lines.items(given.get("receivers"), "receivers"):
            self._receiver(item)
        top = given.get("route")
        if top is None:
            return None
        return RoutingConfig(self._route(top, _Parent(), "0"), self.receivers, self.recipients, self.rooms)

    def _name(self, node: Node | None, what: str, known: Mapping[str, object]) -> str:
        name = self.lines.text(node, f"a {what}'s name")
        if node is not None and name and not _NAME.fullmatch(name):
            self.lines.wrong(node, f"a {what}'s name has lower-case letters, digits and hyphens only")
        if node is not None and name in known:
            self.lines.wrong(node, f"a second {what} is named {name}")
        return name

    def _recipient(self, node: Node) -> None:
        given = self.lines.fields(
            node, "a recipient", required=("name", "consent"), optional=(MAIL, SMS, "withdrawn_at")
        )
        name = self._name(given.get("name"), "recipient", self.recipients)
        addresses = {}
        for channel in (MAIL, SMS):
            if channel in given:
                address = self.lines.text(given[channel], f"{channel} of {name}")
                if address and not _ADDRESS[channel].fullmatch(address):
                    self.lines.wrong(given[channel], f"{channel} of {name} is {_LOOKS[channel]}")
                addresses[channel] = address
        if not addresses:
            self.lines.wrong(node, f"the recipient {name} has neither mail nor sms")
        consent = (
            self.lines.fields(given["consent"], f"the consent of {name}", required=("at", "by"))
            if "consent" in given
            else {}
        )
        withdrawn = given.get("withdrawn_at")
        self.recipients[name] = Recipient(
            name,
            addresses,
            self.lines.day(consent.get("at"), f"the consent of {name}"),
            self.lines.text(consent.get("by"), f"who recorded the consent of {name}"),
            self.lines.day(withdrawn, f"withdrawn_at of {name}") if withdrawn is not None else None,
        )

    def _room(self, node: Node) -> None:
        given = self.lines.fields(node, "a channel", required=("name", "url"))
        name = self._name(given.get("name"), "channel", {**self.rooms, MAIL: "", SMS: ""})
        url = self.lines.text(given.get("url"), f"the url of {name}")
        if url and not self.known_address(url):
            self.lines.wrong(
                given["url"],
                f"the url of {name} is none that apprise can send to, or has no TLS outside development",
            )
        self.rooms[name] = url

    def _receiver(self, node: Node) -> None:
        given = self.lines.fields(
            node,
            "a receiver",
            required=("name",),
            optional=(MAIL, SMS, "channels", "send_resolved", "discard"),
        )
        name = self._name(given.get("name"), "receiver", self.receivers)
        people = [
            (person, channel)
            for channel in (MAIL, SMS)
            for place, person in self.lines.texts(given.get(channel), f"{channel} of {name}")
            if self._reachable(place, person, channel, name)
        ]
        rooms = []
        for place, room in self.lines.texts(given.get("channels"), f"channels of {name}"):
            if room not in self.rooms:
                self.lines.wrong(place, f"the receiver {name} names an unknown channel {room[:63]!r}")
            rooms.append(room)
        discards = self.lines.flag(given.get("discard"), f"discard of {name}", otherwise=False)
        consenting = [one for one, _ in people if self.recipients[one].consents]
        if not discards and not consenting and not rooms:
            self.lines.wrong(
                node,
                f"the receiver {name} reaches nobody by any channel; discard: true says that it is meant so",
            )
        if discards and (people or rooms):
            self.lines.wrong(node, f"the receiver {name} discards and reaches somebody")
        resolved = self.lines.flag(given.get("send_resolved"), f"send_resolved of {name}", otherwise=True)
        self.receivers[name] = Receiver(name, people, rooms, resolved)

    def _reachable(self, place: Node, person: str, channel: str, receiver: str) -> bool:
        known = self.recipients.get(person)
        if known is None:
            self.lines.wrong(place, f"the receiver {receiver} names an unknown recipient {person[:63]!r}")
        elif channel not in known.addresses:
            self.lines.wrong(place, f"the recipient {person} has no {channel}")
        return known is not None and channel in known.addresses

    def _route(self, node: Node, above: _Parent, path: str) -> Route:
        given = self.lines.fields(
            node,
            "a route",
            required=("receiver",) if path == "0" else (),
            optional=_ROUTE_KEYS[path == "0" :],
        )
        if path == "0" and {"matchers", "continue"} & given.keys():
            self.lines.wrong(node, "the first route takes everything: it has neither matchers nor continue")
        own = self._settings(given, above)
        depth = path.count(".")
        if depth > DEPTH_MAX:
            self.lines.wrong(node, f"routes nest deeper than {DEPTH_MAX}")
        nested = self.lines.items(given.get("routes"), "routes") if depth <= DEPTH_MAX else []
        routes = [self._route(child, own, f"{path}.{number}") for number, child in enumerate(nested)]
        self._unreachable(nested, routes)
        return Route(
            path,
            own.receiver,
            self._matchers(given.get("matchers")),
            own.group_by,
            own.wait,
            own.interval,
            own.repeat,
            self.lines.flag(given.get("continue"), "continue", otherwise=False),
            routes,
        )

    def _settings(self, given: Mapping[str, Node], above: _Parent) -> _Parent:
        receiver = self.lines.text(given.get("receiver"), "receiver") or above.receiver
        if receiver and receiver not in self.receivers and "receiver" in given:
            self.lines.wrong(given["receiver"], f"there is no receiver {receiver[:63]!r}")
        labels = above.group_by
        if "group_by" in given:
            labels = [text for _, text in self.lines.texts(given["group_by"], "group_by")]
            for place, text in self.lines.texts(given["group_by"], "group_by"):
                if text != BY_ALERT and not _LABEL.fullmatch(text):
                    self.lines.wrong(
                        place, f"group_by takes names of labels, or {BY_ALERT!r} for every alert alone"
                    )
        repeat = self.lines.duration(given.get("repeat_interval"), "repeat_interval", above.repeat)
        if "repeat_interval" in given and repeat < _REPEAT_MIN:
            self.lines.wrong(given["repeat_interval"], "repeat_interval is shorter than a minute")
        return _Parent(
            receiver,
            labels,
            self.lines.duration(given.get("group_wait"), "group_wait", above.wait),
            self.lines.duration(given.get("group_interval"), "group_interval", above.interval),
            repeat,
        )

    def _matchers(self, node: Node | None) -> list[Matcher]:
        found = []
        for place, written in self.lines.texts(node, "matchers"):
            try:
                found.append(Matcher.parse(written))
            except ValueError as error:
                self.lines.wrong(place, f"a bad matcher: {error}")
        return found

    def _unreachable(self, nodes: Sequence[Node], routes: Sequence[Route]) -> None:
        """What stands behind a route that takes at least as much, and does not go on."""
        for later, route in enumerate(routes):
            for earlier in routes[:later]:
                if not earlier.goes_on and set(earlier.matchers) <= set(route.matchers):
                    self.lines.wrong(
                        nodes[later],
                        f"this route is unreachable: route {earlier.path} before it takes all of it",
                    )
                    break
