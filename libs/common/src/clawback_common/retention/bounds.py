"""The owner's limits on a request to delete data, whoever sent it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.alerts.condition import Condition
from clawback_common.errors import Poison
from clawback_common.postgres import Querier
from clawback_common.retention import known_holds
from clawback_common.retention.classes import DataClass
from clawback_contracts.alert.v1 import Severity
from clawback_contracts.sweep.v1 import Hold, SweepRequested

ANSWER_HOLDS_MAX, ANSWER_BYTES_MAX = 1_000, 500_000
"""Limits on the omitted holds in one answer, which must fit into a message."""


class SweepRefused(Poison):
    """The request exceeds the owner's limits; nothing was deleted."""

    def __init__(self, detail: str, omitted: Sequence[Hold] = ()) -> None:
        super().__init__("sweep_refused", detail)
        self.omitted = tuple(omitted)


async def require_allowed(
    db: Querier, owned: DataClass, request: SweepRequested, age_min: timedelta, now: datetime
) -> None:
    """Check a request to delete data against the owner's limits.

    Raises:
        SweepRefused: another action than the class allows, a limit later than the minimum age allows, or a hold that
            is known here and omitted there.
        Poison: there is no limit.
    """
    if request.action is not owned.action:
        allowed, wanted = owned.action.value, request.action.value
        raise SweepRefused(f"{owned.name} is removed by {allowed}, not by {wanted}")
    if request.before is None:
        raise Poison("limit_missing", "the request has no 'before'")
    if request.before > now - max(age_min, timedelta(0)):
        raise SweepRefused(
            f"the limit {request.before:%Y-%m-%d %H:%M} UTC is later than the minimum age of {age_min} allows"
        )
    if request.dry_run:
        return
    omitted = await known_holds.omitted(db, owned.name, request.holds)
    if omitted:
        names = ", ".join(str(one.hold_id) for one in omitted[:3])
        raise SweepRefused(f"the request omits {len(omitted)} holds that are in force: {names}", omitted)


def age_min(owned: DataClass, ages_min_d: Mapping[str, float]) -> timedelta:
    """Return the minimum age of a class: the configured one, else the default of the class."""
    days = ages_min_d.get(owned.name)
    return owned.age_min if days is None else timedelta(days=days)


def fitting(holds: Sequence[Hold]) -> tuple[Hold, ...]:
    """Return as many of these holds as fit into an answer."""
    found: list[Hold] = []
    left = ANSWER_BYTES_MAX
    for hold in holds[:ANSWER_HOLDS_MAX]:
        left -= len(hold.model_dump_json())
        if left >= 0:
            found.append(hold)
    return tuple(found)


def refused(service: str, data_class: str, sweep_id: UUID) -> Condition:
    """Return the alert for a refused request: retention lost a hold, is misconfigured, or did not send it."""
    return Condition(
        "SweepRefused",
        Severity.CRITICAL,
        f"{service} refused to remove {data_class}: sweep {sweep_id} exceeds the owner's own limits. Nothing was "
        "removed. Find out who sent it and why.",
        {"data_class": data_class},
    )
