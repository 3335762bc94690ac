"""The bounds that an owner sets to a request to remove something, whoever sent it."""

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
"""Omitted holds in one answer, which must fit into a message."""


class SweepRefused(Poison):
    """The request exceeds the owner's own bounds; nothing was touched."""

    def __init__(self, detail: str, omitted: Sequence[Hold] = ()) -> None:
        super().__init__("sweep_refused", detail)
        self.omitted = tuple(omitted)


async def require_allowed(
    db: Querier, owned: DataClass, request: SweepRequested, age_min: timedelta, now: datetime
) -> None:
    """Checks a request to remove something against what the owner itself knows.

    Raises:
        SweepRefused: another action than the class allows, a limit later than the minimum age allows, or a hold that
            is known here and omitted there.
        Poison: there is no limit.
    """
    if request.action is not owned.action:
        allowed, wanted = owned.action.value, request.action.value
        raise SweepRefused(f"{owned.name} is removed by {allowed}, not by {wanted}")
    if request.before is None:
        raise Poison("limit_missing", "without 'before' nothing is old")
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
    """The minimum age of a class: as set, else its own."""
    days = ages_min_d.get(owned.name)
    return owned.age_min if days is None else timedelta(days=days)


def fitting(holds: Sequence[Hold]) -> tuple[Hold, ...]:
    """As many of these as an answer can carry."""
    found: list[Hold] = []
    left = ANSWER_BYTES_MAX
    for hold in holds[:ANSWER_HOLDS_MAX]:
        left -= len(hold.model_dump_json())
        if left >= 0:
            found.append(hold)
    return tuple(found)


def refused(service: str, data_class: str, sweep_id: UUID) -> Condition:
    """A request was refused: retention has forgotten a hold or is misconfigured, or somebody else sent it."""
    return Condition(
        "SweepRefused",
        Severity.CRITICAL,
        f"{service} refused to remove {data_class}: sweep {sweep_id} exceeds the owner's own bounds. Nothing was "
        "removed. Find out who sent it and why.",
        {"data_class": data_class},
    )
