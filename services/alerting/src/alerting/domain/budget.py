"""Which notifications come first, and how many a source may cause: a flood must not hide an important alert."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from alerting.domain.alert import Alert
from alerting.domain.condition import BUDGET_SPENT
from alerting.domain.notification_policy import Notification
from alerting.settings import SERVICE_NAMES
from clawback_contracts.alert.v1 import Severity


def is_exempt(alert: Alert) -> bool:
    """Whether the budget does not apply: critical alerts of our own services, and the summary of an exceeded budget."""
    own = alert.service in SERVICE_NAMES
    return own and (alert.severity is Severity.CRITICAL or alert.name == BUDGET_SPENT)


def sending_rank(alert: Alert) -> int:
    """The order of sending: by severity, and within one severity our own services before external sources."""
    return 2 * list(Severity).index(alert.severity) + (alert.service not in SERVICE_NAMES)


@dataclass(frozen=True, slots=True)
class Allowed:
    """The notifications within the budget, and what the sources have used of it afterwards."""

    notifications: Sequence[Notification]
    used: Mapping[str, int]
    refused: Collection[str]
    """Sources that exceeded their budget."""


def limited(notifications: Sequence[Notification]) -> list[str]:
    """Returns the sources whose notifications count against a budget.

    A resolution does not count: it is sent to the recipients that were notified of the alert.
    """
    return sorted({one.alert.service for one in notifications if _costs(one)})


def within(notifications: Sequence[Notification], used: Mapping[str, int], per_source_max: int) -> Allowed:
    """Returns the notifications that fit into the budget, highest severity first; one message counts once."""
    counts = dict(used)
    charged: set[tuple[str, str, str, str]] = set()
    allowed: list[Notification] = []
    refused: set[str] = set()
    ranks = list(Severity)
    for one in sorted(notifications, key=lambda one: ranks.index(one.alert.severity)):
        source, target = one.alert.service, one.target
        message = (source, target.group_key, target.recipient, target.channel)
        if _costs(one) and message not in charged:
            if counts.get(source, 0) >= per_source_max:
                refused.add(source)
                continue
            charged.add(message)
            counts[source] = counts.get(source, 0) + 1
        allowed.append(one)
    return Allowed(allowed, {source: counts[source] for source in used}, refused)


def _costs(one: Notification) -> bool:
    return one.what != "resolved" and not is_exempt(one.alert)
