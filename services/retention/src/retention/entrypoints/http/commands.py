"""The write endpoints. Each action is recorded with its subject; a hold needs two people."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query, Response, status

from clawback_common.http.auth import Caller
from clawback_common.http.problem import Problem, existing, field_error
from clawback_common.http.routing import Router
from clawback_contracts.sweep.v1 import Action
from retention.domain.classes import CLASSES
from retention.domain.hold import State
from retention.domain.policy import Policy
from retention.entrypoints.http.bodies import HoldBody, NoteBody, SweepBody, VacuumBody
from retention.entrypoints.http.callers import Approver, Officer, Operator
from retention.entrypoints.http.queries import NO_HOLD, hold_detail
from retention.entrypoints.http.schemas import (
    HoldDetail,
    HoldPlaced,
    SweepAccepted,
    SweepsAccepted,
    SweepUnderWay,
)
from retention.gateways import ingester
from retention.use_cases import holds, sweeps
from retention.use_cases.service import Service

INGESTER = "ingester"
LATE = (
    "Sweeps of this class are running: an owner that has begun may already have deleted records that the hold names. "
    "Each owner that has not answered is notified of the hold now."
)


def commands(service: Service) -> list[Router]:
    """Returns the routers of all writes."""
    return [_sweeping(service), _holding(service), _ending(service), _maintenance(service)]


def _sweeping(service: Service) -> Router:
    router = Router(prefix="/retention/sweeps", tags=["sweeps"])

    @router.post("", status_code=202, summary="Request a sweep of one class, or of all, from the owners")
    async def sweep(body: SweepBody, response: Response, caller: Operator) -> SweepsAccepted:
        named = None if body.data_class is None else [body.data_class]
        policies = _policies_of(service, named, "data_class")
        return await _requested(policies, service, caller, response, dry_run=body.dry_run)

    return router


def _maintenance(service: Service) -> Router:
    router = Router(prefix="/admin/database", tags=["database"])

    @router.post(
        "/vacuum",
        status_code=202,
        summary="Request vacuum, analyze or reindex from the owners; the sweep shows the bloat before and after",
    )
    async def vacuum(body: VacuumBody, response: Response, caller: Operator) -> SweepsAccepted:
        policies, action = _policies_of(service, body.classes, "classes"), Action(body.action)
        return await _requested(policies, service, caller, response, dry_run=body.dry_run, action=action)

    return router


def _policies_of(service: Service, names: Sequence[str] | None, path: str) -> list[Policy]:
    """Returns the policies of these classes, each once; all if None.

    Raises:
        Problem: 422, naming each unknown class.
    """
    if names is None:
        return list(service.policies.values())
    several = path == "classes"
    errors = [
        field_error(
            f"{path}[{index}]" if several else path,
            "unknown_class",
            f"Known classes: {', '.join(service.policies)}",
        )
        for index, name in enumerate(names)
        if name not in service.policies
    ]
    if errors:
        raise Problem(422, "There is no such class of data.", errors=errors)
    return [service.policies[name] for name in dict.fromkeys(names)]


async def _requested(
    policies: Sequence[Policy],
    service: Service,
    caller: Caller,
    response: Response,
    *,
    dry_run: bool,
    action: Action | None = None,
) -> SweepsAccepted:
    requested = await sweeps.sweeps_requested(
        policies, service, by=caller.subject, cause="request", dry_run=dry_run, action=action
    )
    if len(requested) == 1:
        response.headers["Location"] = f"/api/v1/retention/sweeps/{requested[0].sweep_id}"
    accepted = [SweepAccepted.model_validate(one, from_attributes=True) for one in requested]
    return SweepsAccepted(sweeps=accepted)


def _holding(service: Service) -> Router:
    router = Router(prefix="/retention/holds", tags=["holds"])

    @router.post(
        "",
        status_code=201,
        summary="Place a hold. It is in force immediately; a second person must confirm it",
    )
    async def place(body: HoldBody, response: Response, caller: Officer) -> HoldPlaced:
        _require_valid(body)
        hold = body.hold(uuid4(), caller.subject)
        under_way = await holds.hold_placed(hold, body.reason, service)
        response.headers["Location"] = f"/api/v1/retention/holds/{hold.hold_id}"
        asks = body.article_ids and INGESTER in CLASSES[body.data_class].owners
        not_held = await ingester.not_held(service.settings, hold.article_ids) if asks else None
        made = await hold_detail(service, hold.hold_id)
        return HoldPlaced(
            **dict(made),
            confirm=f"/api/v1/retention/holds/{hold.hold_id}/confirm",
            sweeps_under_way=[SweepUnderWay.model_validate(one, from_attributes=True) for one in under_way],
            article_ids_not_held=not_held,
            warning=_warning(late=bool(under_way), not_held=not_held or []),
        )

    return router


def _warning(*, late: bool, not_held: Sequence[str]) -> str | None:
    """Returns the warning for the person who placed a hold; None if there is none."""
    absent = f"{len(not_held)} of the ids are unknown, revoked or swept: no content is held for them."
    return " ".join([*([LATE] if late else []), *([absent] if not_held else [])]) or None


def _require_valid(body: HoldBody) -> None:
    known = CLASSES.get(body.data_class)
    if known is None:
        error = field_error("data_class", "unknown_class", f"Known classes: {', '.join(CLASSES)}")
        raise Problem(422, "There is no such class of data.", errors=[error])
    if body.article_ids and not known.by_article:
        words = "Its records do not refer to articles: give a span of time, or everything"
        raise Problem(
            422,
            "A hold on this class cannot name articles.",
            errors=[field_error("article_ids", "not_by_article", words)],
        )


def _ending(service: Service) -> Router:
    router = Router(prefix="/retention/holds/{hold_id}", tags=["holds"])

    @router.post("/confirm", summary="Confirm a hold, or its requested end, as the second person")
    async def confirm(hold_id: UUID, caller: Approver, body: NoteBody | None = None) -> HoldDetail:
        note = body.note if body else ""
        existing(await holds.hold_confirmed(hold_id, caller.subject, note, service), NO_HOLD)
        return await hold_detail(service, hold_id)

    @router.post("/keep", summary="Reject the requested end; the hold stays in force")
    async def keep(hold_id: UUID, caller: Officer, body: NoteBody | None = None) -> HoldDetail:
        note = body.note if body else ""
        existing(await holds.hold_kept(hold_id, caller.subject, note, service), NO_HOLD)
        return await hold_detail(service, hold_id)

    @router.delete(
        "",
        summary="Request the end of a hold; it is in force until a second person confirms",
        responses={202: {"model": HoldDetail, "description": "It waits for a second person"}},
    )
    async def lift(
        hold_id: UUID,
        response: Response,
        caller: Officer,
        reason: Annotated[str, Query(min_length=3, max_length=500)],
    ) -> HoldDetail:
        state = existing(await holds.hold_lifted(hold_id, caller.subject, reason, service), NO_HOLD)
        if state is State.LIFTING:
            response.status_code = status.HTTP_202_ACCEPTED
        return await hold_detail(service, hold_id)

    return router
