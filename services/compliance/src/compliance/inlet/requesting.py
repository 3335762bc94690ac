"""Notices over HTTP, and requests on which a second person decides."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Header, Query, Request, Response

from clawback_common.http.auth import Caller
from clawback_common.http.paging import Cursor, Limit, decode_newest_first
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router
from clawback_common.telemetry import traceparent
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import Reason
from compliance import flow
from compliance.domain import request as rules
from compliance.domain.request import RequestKind, RequestState
from compliance.flow import Service
from compliance.flow.requests import approval_needed
from compliance.inlet.bodies import (
    ERRORS_MAX,
    DecisionBody,
    NoticeBody,
    RefusalBody,
    ReinstatementBody,
    documented,
    notice_body,
)
from compliance.inlet.callers import Deciding, Noticing, Officer, Reader
from compliance.inlet.reading import by_time
from compliance.state import articles, notices, requests

Key = Annotated[str | None, Header(max_length=200)]


def requesting(service: Service) -> list[Router]:
    """All that is requested and decided on."""
    return [_noticing(service), _deciding(service), _reinstating(service)]


def _noticing(service: Service) -> Router:
    router = Router(prefix="/compliance/notices", tags=["notices"])

    @router.post(
        "",
        status_code=202,
        summary="Submit revocation notices (one, up to 10,000, or CSV)",
        openapi_extra=documented(NoticeBody),
    )
    async def notice(
        request: Request,
        response: Response,
        caller: Noticing,
        *,
        preview: bool = False,
        reason: Annotated[Reason | None, Query(description="For a CSV")] = None,
        revoked_at: Annotated[datetime | None, Query(description="For a CSV")] = None,
        idempotency_key: Key = None,
    ) -> Any:
        body = await notice_body(request, reason, revoked_at)
        _own_providers_alone(body.ids, caller)
        if preview:
            response.status_code = 200
            return await _previewed(service, body.ids, caller)
        made = await flow.notices_requested(_request(service, body, caller, idempotency_key), service)
        return await answered(service, made.request_id)

    return router


def _own_providers_alone(ids: list[str], caller: Caller) -> None:
    """A key may have the articles of its own providers revoked, an officer's any."""
    foreign = [one for one in ids if not caller.acts_for(one.partition(":")[0])]
    if foreign:
        words = "this key may not have articles of this provider revoked"
        errors = [field_error(one, "provider_not_allowed", words) for one in foreign[:ERRORS_MAX]]
        raise Problem(
            403, f"{len(foreign)} article(s) are of providers that are not this key's.", errors=errors
        )


def _request(
    service: Service, body: NoticeBody, caller: Caller, idempotency_key: str | None
) -> rules.Request:
    now = service.clock.now()
    return rules.Request(
        request_id=event_id("request", caller.subject, idempotency_key or uuid4()),
        kind=RequestKind.REVOKE,
        entry="http",
        article_ids=tuple(body.ids),
        reason=body.reason.value,
        revoked_at=body.revoked_at,
        note=body.note,
        made_by=caller.subject,
        made_at=now,
        expires_at=now + service.request_expiry,
        body_sha256=hashlib.sha256(body.model_dump_json().encode()).digest(),
        traceparent=traceparent(),
    )


async def _previewed(service: Service, ids: list[str], caller: Caller) -> dict[str, Any]:
    async with service.db.transaction() as tx:
        revoked = await articles.revoked_among(tx, ids)
        needed = await approval_needed(tx, ids, caller.subject, service)
    return {
        "preview": True,
        "articles": len(ids),
        "already_revoked": len(revoked),
        "new_orders": len(ids) - len(revoked),
        "needs_confirmation": needed,
    }


async def answered(service: Service, request_id: UUID) -> dict[str, Any]:
    """A request, as who made it or decided on it is answered."""
    row = await requests.one(service.db, request_id)
    if row is None:
        raise Problem(404, "There is no such request.")
    state = rules.state(dict(row), service.clock.now())
    answer: dict[str, Any] = {"request_id": request_id, "state": state, "articles": row["articles"]}
    if state in {RequestState.WAITING, RequestState.EXPIRED}:
        path = f"/api/v1/compliance/notices/{request_id}"
        return answer | {
            "withheld": row["withheld"],
            "expires_at": row["expires_at"],
            "confirm": f"{path}/confirm",
            "refuse": f"{path}/refuse",
        }
    if row["kind"] == RequestKind.REVOKE:
        answer["revocations"] = await notices.orders_of_request(service.db, request_id)
        if len(answer["revocations"]) == 1:
            answer["revocation_id"] = next(iter(answer["revocations"].values()))
    return answer


def _deciding(service: Service) -> Router:
    router = Router(prefix="/compliance/notices", tags=["requests"])

    @router.get("/requests", summary="Requests on which a second person decides, the newest first")
    async def list_requests(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        finished: Annotated[bool, Query(description="Also what is carried out, or was refused")] = False,
    ) -> Any:
        rows = await requests.page(
            service.db, decode_newest_first(cursor), finished_too=finished, limit=limit + 1
        )
        found = by_time(rows, limit, "made_at", "request_id")
        now = service.clock.now()
        return found | {"items": [{**one, "state": rules.state(one, now)} for one in found["items"]]}

    @router.get(
        "/requests/{request_id}", summary="All of one request: what it names, why, by whom, how far it is"
    )
    async def one_request(_: Reader, request_id: UUID) -> Any:
        row = await requests.one(service.db, request_id)
        if row is None:
            raise Problem(404, "There is no such request.")
        return {**dict(row), "state": rules.state(dict(row), service.clock.now())}

    @router.post("/{request_id}/confirm", status_code=202, summary="A second person confirms a request")
    async def confirm(
        request_id: UUID,
        caller: Deciding,
        body: DecisionBody | None = None,
        articles: Annotated[
            int | None, Query(ge=0, description="How many articles you saw; 409 when it names more now")
        ] = None,
    ) -> Any:
        await _may_decide(service, request_id, caller)
        note = body.note if body else None
        await flow.request_confirmed(request_id, caller.subject, note, service, articles_seen=articles)
        return await answered(service, request_id)

    @router.post(
        "/{request_id}/refuse",
        status_code=202,
        summary="A second person refuses; what was withheld is reinstated",
    )
    async def refuse(request_id: UUID, body: RefusalBody, caller: Deciding) -> Any:
        await _may_decide(service, request_id, caller)
        await flow.request_refused(request_id, caller.subject, body.note, service)
        return await answered(service, request_id)

    return router


async def _may_decide(service: Service, request_id: UUID, caller: Caller) -> None:
    """An approver decides, and never on a request of their own; an officer on records of unknown senders too."""
    row = await requests.one(service.db, request_id)
    if row is None:
        raise Problem(404, "There is no such request.")
    if "approver" not in caller.roles and not rules.of_unknown_sender(row["made_by"]):
        raise Problem(403, "This needs the role approver.")
    if row["made_by"] == caller.subject:
        raise Problem(403, "A second person must decide on it.")


def _reinstating(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["requests"])

    @router.post(
        "/reinstatements", status_code=202, summary="Request that the revocations of many articles are lifted"
    )
    async def reinstate(body: ReinstatementBody, caller: Officer, idempotency_key: Key = None) -> Any:
        now = service.clock.now()
        made = rules.Request(
            request_id=event_id("request", caller.subject, idempotency_key or uuid4()),
            kind=RequestKind.REINSTATE,
            entry="http",
            article_ids=tuple(dict.fromkeys(body.article_ids)),
            reason="reinstatement",
            note=body.note,
            made_by=caller.subject,
            made_at=now,
            expires_at=now + service.request_expiry,
            body_sha256=hashlib.sha256(body.model_dump_json().encode()).digest(),
            traceparent=traceparent(),
        )
        await flow.requested(made, service)
        return await answered(service, made.request_id)

    return router


def removal_of_holder(name: str, caller: Caller, now: datetime, expiry: timedelta) -> rules.Request:
    """The request that a holder leaves although it owes something."""
    return rules.Request(
        request_id=uuid4(),
        kind=RequestKind.REMOVE_HOLDER,
        entry="http",
        article_ids=(),
        holder=name,
        reason="the holder leaves although it owes something",
        made_by=caller.subject,
        made_at=now,
        expires_at=now + expiry,
    )
