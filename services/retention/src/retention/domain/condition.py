"""Conditions that retention raises alerts for, and how they are derived from time."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from clawback_common.alerts.condition import Condition
from clawback_contracts.alert.v1 import Severity

SWEPT_AGE_MAX = timedelta(days=8)
"""A weekly sweep, and one day of tolerance."""
SILENT_MAX = timedelta(hours=24)
"""After this time without an answer, an owner is unlikely to answer without intervention."""


def overdue(
    classes: Iterable[str], last_done: Mapping[str, datetime], watching_since: datetime, now: datetime
) -> list[Condition]:
    """Returns a condition if a class was not completely swept for too long; initially this counts from the first start.

    One condition covers all classes: the usual cause is the scheduler, which concerns all of them.
    """
    late = [name for name in classes if now - last_done.get(name, watching_since) > SWEPT_AGE_MAX]
    if not late:
        return []
    return [
        Condition(
            "RetentionSweepOverdue",
            Severity.CRITICAL,
            f"No sweep of {', '.join(late)} has completed for {SWEPT_AGE_MAX.days} days, so data stays longer than its "
            "policy allows. Check whether the scheduler starts `retention sweep`, and which owner fails.",
        )
    ]


def failed(data_class: str, owner: str, action: str) -> Condition:
    """An owner failed in its last request for a class."""
    return Condition(
        "RetentionSweepFailed",
        Severity.WARNING,
        f"{owner} could not {action} {data_class}. Check the error in the history of sweeps, fix it, and sweep the "
        "class again.",
        {"data_class": data_class, "owner": owner, "action": action},
    )


def unanswered(owner: str, sweeps: int, since: datetime) -> Condition:
    """An owner has not answered for a day."""
    return Condition(
        "SweepUnanswered",
        Severity.WARNING,
        f"{owner} has not answered {sweeps} requests, the oldest of {since:%Y-%m-%d %H:%M} UTC. Check whether its "
        "worker is running; requests are sent again until it answers.",
        {"owner": owner},
    )
