"""How many notifications a source of alerts may cause in an hour: a flood must not hide a page."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from alerting.domain.alert import Alert
from alerting.domain.condition import BUDGET_SPENT
from alerting.domain.notification_policy import Notification
from alerting.settings import SERVICE_NAMES
from clawback_contracts.alert.v1 import Severity


def is_exempt(alert: Alert) -> bool:
    """Critical alerts of our own services are always notified, and so is the summary of an excess."""
    own = alert.service in SERVICE_NAMES
    return own and (alert.severity is Severity.CRITICAL or alert.name == BUDGET_SPENT)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be notified, and what the sources have used with it."""

    tellings: Sequence[Notification]
    used: Mapping[str, int]
    refused: Collection[str]
    """Sources that asked for more than they have."""


def limited(tellings: Sequence[Notification]) -> list[str]:
    """The sources of those that cost something. An end is notified to whoever was notified of the beginning."""
    return sorted({one.alert.service for one in tellings if _costs(one)})


def within(tellings: Sequence[Notification], used: Mapping[str, int], per_source_max: int) -> Allowed:
    """Those for which there is room, the gravest first; what goes into one message costs once."""
    room = dict(used)
    charged: set[tuple[str, str, str, str]] = set()
    allowed: list[Notification] = []
    refused: set[str] = set()
    ranks = list(Severity)
    for one in sorted(tellings, key=lambda one: ranks.index(one.alert.severity)):
        source, target = one.alert.service, one.target
        message = (source, target.group_key, target.recipient, target.channel)
        if _costs(one) and message not in charged:
            if room.get(source, 0) >= per_source_max:
                refused.add(source)
                continue
            charged.add(message)
            room[source] = room.get(source, 0) + 1
        allowed.append(one)
    return Allowed(allowed, {source: room[source] for source in used}, refused)


def _costs(one: Notification) -> bool:
    return one.what != "resolved" and not is_exempt(one.alert)
