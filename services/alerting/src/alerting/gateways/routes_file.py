"""Reads the routes file: who is notified of what, when, and who has consented.

The whole file is checked at start-up.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from alerting.domain.matcher import Matcher
from alerting.domain.routing import BY_ALERT, MAIL, SMS, Receiver, Recipient, Route, RoutingConfig
from clawback_common.config.yaml_file import FileError, Loc, one_each, read_file
from clawback_common.errors import Stop

DEPTH_MAX = 20
REPEAT_MIN = timedelta(minutes=1)
DEFAULTS = Route("", "", (), (), timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=4))
"""The times are the defaults of Alertmanager."""
INHERITED = {"receiver", "group_by", "group_wait", "group_interval", "repeat_interval"}
DURATION_MAX = timedelta(days=366)
_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m|h|d|w)")
_UNIT = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


def _duration(written: object) -> timedelta:
    parts = _DURATION.findall(str(written))
    if not parts or "".join(number + unit for number, unit in parts) != written:
        raise ValueError("this is not a duration such as 30s, 5m, 4h")
    total = sum((int(number) * _UNIT[unit] for number, unit in parts), timedelta(0))
    if total > DURATION_MAX:
        raise ValueError("this is longer than a year")
    return total


def _pattern(pattern: str, words: str) -> BeforeValidator:
    def look(written: object) -> object:
        if not re.fullmatch(pattern, str(written)):
            raise ValueError(words)
        return written

    return BeforeValidator(look)


Name = Annotated[
    str, _pattern(r"[a-z0-9][a-z0-9-]{0,62}", "a name consists of lower-case letters, digits and hyphens")
]
Mail = Annotated[
    str,
    _pattern(
        r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?",
        "this is not an address such as officer@example.org",
    ),
]
Sms = Annotated[str, _pattern(r"\+[1-9][0-9]{4,14}", "this is not a number such as +15550100")]
Label = Annotated[
    str,
    _pattern(
        rf"[A-Za-z_][A-Za-z0-9_]*|{re.escape(BY_ALERT)}",
        f"group_by accepts label names, or {BY_ALERT!r} for each alert separately",
    ),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
MatcherText = Annotated[Matcher, BeforeValidator(lambda written: Matcher.parse(str(written)))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class _Consent(_Strict):
    at: date
    by: Text


class _Recipient(_Strict):
    name: Name
    mail: Mail | None = None
    sms: Sms | None = None
    consent: _Consent
    withdrawn_at: date | None = None

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not self.addresses:
            raise ValueError(f"the recipient {self.name} has neither mail nor sms")
        return self

    @property
    def addresses(self) -> dict[str, str]:
        """By channel."""
        return {channel: one for channel, one in ((MAIL, self.mail), (SMS, self.sms)) if one}


class _Channel(_Strict):
    name: Name
    url: Text


class _Receiver(_Strict):
    name: Name
    mail: list[str] = Field(default_factory=list)
    sms: list[str] = Field(default_factory=list)
    channels: list[str] = Field(default_factory=list)
    send_resolved: bool = True
    discard: bool = False

    @property
    def people(self) -> list[tuple[str, str]]:
        """Recipient and channel."""
        return [*((one, MAIL) for one in self.mail), *((one, SMS) for one in self.sms)]


class _Route(_Strict):
    receiver: str | None = None
    matchers: list[MatcherText] = Field(default_factory=list)
    group_by: list[Label] | None = None
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    continues: bool = Field(default=False, alias="continue")
    routes: "list[_Route]" = Field(default_factory=list)


class _File(_Strict):
    recipients: list[_Recipient]
    channels: list[_Channel] = Field(default_factory=list)
    receivers: list[_Receiver]
    route: _Route


def read_routes(path: Path, is_known_address: Callable[[str], bool]) -> RoutingConfig:
    """Reads and checks the file.

    Args:
        path: the file.
        is_known_address: whether messages can be sent to a channel's address.

    Raises:
        Stop: it cannot be read, or has errors; each is reported with file and line.
    """
    try:
        found = read_file(path, _File, partial(_mistakes, is_known_address=is_known_address))
    except FileError as error:
        raise Stop(f"ALERT_ROUTES cannot be used:\n{error}") from None
    return RoutingConfig(
        _route(found.route, DEFAULTS, "0"),
        {
            one.name: Receiver(one.name, one.people, one.channels, one.send_resolved)
            for one in found.receivers
        },
        {
            one.name: Recipient(one.name, one.addresses, one.consent.at, one.consent.by, one.withdrawn_at)
            for one in found.recipients
        },
        {one.name: one.url for one in found.channels},
    )


def _route(given: _Route, above: Route, path: str) -> Route:
    """Returns a route with its children. It inherits the settings of its parent that it does not set."""
    changed = given.model_dump(include=INHERITED, exclude_none=True)
    own = replace(above, path=path, matchers=given.matchers, continues=given.continues, **changed)
    routes = [_route(child, own, f"{path}.{number}") for number, child in enumerate(given.routes)]
    return replace(own, routes=routes)


def _mistakes(found: _File, *, is_known_address: Callable[[str], bool]) -> Iterator[tuple[Loc, str]]:
    """Yields the errors that only the whole file shows."""
    yield from _names("recipients", found.recipients, "recipient")
    yield from _names("channels", found.channels, "channel", (MAIL, SMS))
    yield from _names("receivers", found.receivers, "receiver")
    for n, channel in enumerate(found.channels):
        if not is_known_address(channel.url):
            yield (
                ("channels", n, "url"),
                f"apprise cannot send to the url of {channel.name}, or it has no TLS outside development",
            )
    for n, receiver in enumerate(found.receivers):
        yield from _of_receiver(("receivers", n), receiver, found)
    yield from _of_first(found.route)
    receivers = {one.name for one in found.receivers}
    yield from _of_route(("route",), found.route, receivers, 0)


def _names(
    part: str, listed: Sequence[_Recipient | _Channel | _Receiver], what: str, taken: Sequence[str] = ()
) -> Iterator[tuple[Loc, str]]:
    reserved = [((), name) for name in taken]
    return one_each([*reserved, *(((part, n, "name"), one.name) for n, one in enumerate(listed))], what)


def _of_receiver(loc: Loc, receiver: _Receiver, found: _File) -> Iterator[tuple[Loc, str]]:
    known = {one.name: one for one in found.recipients}
    for person, channel in receiver.people:
        if person not in known:
            yield (*loc, channel), f"the receiver {receiver.name} names an unknown recipient {person[:63]!r}"
        elif channel not in known[person].addresses:
            yield (*loc, channel), f"the recipient {person} has no {channel}"
    for channel in receiver.channels:
        if channel not in {one.name for one in found.channels}:
            yield (
                (*loc, "channels"),
                f"the receiver {receiver.name} names an unknown channel {channel[:63]!r}",
            )
    people = [one for one, _ in receiver.people if one in known and known[one].withdrawn_at is None]
    if not receiver.discard and not people and not receiver.channels:
        yield (
            loc,
            f"the receiver {receiver.name} reaches nobody; set discard: true if that is intended",
        )
    if receiver.discard and (receiver.people or receiver.channels):
        yield loc, f"the receiver {receiver.name} has discard: true and also recipients or channels"


def _of_first(route: _Route) -> Iterator[tuple[Loc, str]]:
    if route.receiver is None:
        yield ("route",), "the root route has no receiver"
    if route.matchers or route.continues:
        yield ("route",), "the root route matches everything: it must not have matchers or continue"


def _of_route(loc: Loc, route: _Route, receivers: set[str], depth: int) -> Iterator[tuple[Loc, str]]:
    if route.receiver is not None and route.receiver not in receivers:
        yield (*loc, "receiver"), f"there is no receiver {route.receiver[:63]!r}"
    if route.repeat_interval is not None and route.repeat_interval < REPEAT_MIN:
        yield (*loc, "repeat_interval"), "repeat_interval is shorter than a minute"
    if depth > DEPTH_MAX:
        yield loc, f"routes nest deeper than {DEPTH_MAX}"
        return
    for n, child in enumerate(route.routes):
        for earlier in route.routes[:n]:
            if not earlier.continues and set(earlier.matchers) <= set(child.matchers):
                yield (
                    (*loc, "routes", n),
                    "this route is unreachable: an earlier one matches everything that it matches",
                )
                break
        yield from _of_route((*loc, "routes", n), child, receivers, depth + 1)
