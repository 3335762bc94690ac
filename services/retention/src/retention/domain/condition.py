"""Conditions that a person should know of, and the rules by which time makes one."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from clawback_common.alerts.condition import Condition
from clawback_contracts.alert.v1 import Severity

SWEPT_AGE_MAX = timedelta(days=8)
"""A weekly sweep, and a day for it to be late."""
SILENT_MAX = timedelta(hours=24)
"""An owner that has not answered for so long will not by itself."""


def overdue(
    classes: Iterable[str], last_done: Mapping[str, datetime], watching_since: datetime, now: datetime
) -> list[Condition]:
    """Raised when a class was not swept to the end for too long; one that never was is reckoned from the beginning.

    One condition for all classes: what fails is the scheduler, mostly, and that concerns all of them.
    """
    late = [name for name in classes if now - last_done.get(name, watching_since) > SWEPT_AGE_MAX]
    if not late:
        return []
    return [
        Condition(
            "RetentionSweepOverdue",
            Severity.CRITICAL,
            f"No sweep of {', '.join(late)} was completed for {SWEPT_AGE_MAX.days} days, so data stays longer than its "
            "policy allows: see whether the scheduler starts `retention sweep`, and which owner fails.",
        )
    ]


def failed(data_class: str, owner: str, action: str) -> Condition:
    """An owner could not do what it was last asked to do with a class."""
    return Condition(
        "RetentionSweepFailed",
        Severity.WARNING,
        f"{owner} could not {action} {data_class}: see its error in the history of sweeps, mend it, and sweep the "
        "class again.",
        {"data_class": data_class, "owner": owner, "action": action},
    )


def unanswered(owner: str, sweeps: int, since: datetime) -> Condition:
    """An owner has not answered for a day."""
    return Condition(
        "SweepUnanswered",
        Severity.WARNING,
        f"{owner} has not answered {sweeps} requests, the oldest of {since:%Y-%m-%d %H:%M} UTC: see whether its worker "
        "is at work; requests are sent again until it answers.",
        {"owner": owner},
    )
