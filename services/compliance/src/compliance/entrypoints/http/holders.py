"""Registration, change and removal of holders over HTTP."""

from fastapi import Response

from clawback_common.http.guarded_client import Addresses
from clawback_common.http.problem import Problem, existing
from clawback_common.http.routing import Router
from clawback_common.postgres.pool import Row
from clawback_contracts.holder.v1 import HolderKind, HolderRegistration
from compliance.domain import holder
from compliance.entrypoints.http.bodies import HolderChange, RegistrationBody, Resent, callable_address
from compliance.entrypoints.http.callers import Operator
from compliance.entrypoints.http.holder_schemas import HolderAnswer, holder_answer
from compliance.entrypoints.http.request_schemas import RequestAnswer
from compliance.entrypoints.http.requests import answered, removal_of_holder
from compliance.storage import holders
from compliance.use_cases import holders as use_cases
from compliance.use_cases import requests
from compliance.use_cases.service import Service


def registering(service: Service) -> Router:
    """Returns the routes that register, change and remove holders; our own stores cannot be changed."""
    router = Router(prefix="/compliance/holders", tags=["holders"])
    addresses = Addresses(service.settings.address_rules)

    @router.post(
        "", status_code=201, summary="Register a holder; repeating the same registration changes nothing"
    )
    async def register(body: RegistrationBody, caller: Operator) -> HolderAnswer:
        registration = body.registration
        _may_register(service, registration)
        there = await holders.one(service.db, body.name)
        if there is not None and there["status"] == "active" and holders.registration(there) != registration:
            raise Problem(409, "A holder of this name has a different registration; change it with PATCH.")
        await callable_address(registration, addresses)
        await use_cases.holder_registered(registration, caller.subject, service)
        return await holder_answer(service, body.name)

    @router.patch(
        "/{name}", summary="Change a holder's registration; open orders keep the former declaration"
    )
    async def change(name: str, body: HolderChange, caller: Operator) -> HolderAnswer:
        there = await _changeable(service, name)
        if body.kind not in {None, there["kind"]}:
            raise Problem(409, "The kind of a holder cannot change: it decides what closes its obligations.")
        registration = body.on(holders.registration(there))
        await callable_address(registration, addresses)
        await use_cases.holder_registered(registration, caller.subject, service)
        return await holder_answer(service, name)

    _leaving(router, service)
    _resending(router, service)
    return router


def _leaving(router: Router, service: Service) -> None:
    @router.delete(
        "/{name}",
        summary="Remove a holder; refused while it has open obligations",
        responses={202: {"model": RequestAnswer, "description": "With `force`: the removal is requested"}},
    )
    async def leave(
        name: str, caller: Operator, response: Response, *, force: bool = False
    ) -> HolderAnswer | RequestAnswer:
        await _changeable(service, name)
        if await use_cases.holder_left(name, caller.subject, service):
            return await holder_answer(service, name)
        if not force:
            raise Problem(
                409,
                "This holder has open obligations. With force=true its removal is requested; a second "
                "person confirms it, and the obligations stay open.",
            )
        request = removal_of_holder(name, caller, service.clock.now(), service.request_expiry)
        await requests.requested(request, service)
        response.status_code = 202
        return await answered(service, request.request_id)


def _resending(router: Router, service: Service) -> None:
    @router.post(
        "/{name}/resend",
        status_code=202,
        summary="Resend to a holder, within a minute, every order that it has not answered",
    )
    async def resend(name: str, caller: Operator) -> Resent:
        existing(await holders.one(service.db, name), "There is no such holder.")
        return Resent(orders=await use_cases.resend(name, caller.subject, service))


def _may_register(service: Service, body: HolderRegistration) -> None:
    """Raises 409 for a name or kind that the worker registers itself."""
    named = body.name in {*service.settings.stores, *service.settings.expiry_holders, holder.BROKERS}
    if named or body.kind is HolderKind.STORE:
        reason = (
            holder.fixed(body.name, body.kind, service.settings.stores) or "it is named in EXPIRY_HOLDERS"
        )
        raise Problem(409, f"This holder cannot be registered over HTTP: {reason}.")


async def _changeable(service: Service, name: str) -> Row:
    """Returns an active holder; raises 404 if there is none, and 409 if it must not be changed over HTTP."""
    there = await holders.one(service.db, name)
    if there is None or there["status"] != "active":
        raise Problem(404, "There is no such active holder.")
    reason = holder.fixed(there["name"], HolderKind(there["kind"]), service.settings.stores)
    if reason:
        raise Problem(409, f"This holder cannot be changed or removed over HTTP: {reason}.")
    return there
