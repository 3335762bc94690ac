"""Notices over HTTP, and requests on which a second person decides."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Header, Query, Request, Response

from clawback_common.http.auth import Caller
from clawback_common.http.paging import Cursor, Limit, Page, newest_first
from clawback_common.http.problem import Problem, existing, field_error
from clawback_common.http.routing import Router
from clawback_common.telemetry import traceparent
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import ReasonCode
from compliance.domain import request as rules
from compliance.domain.request import RequestKind, RequestState
from compliance.entrypoints.http.bodies import (
    ERRORS_MAX,
    DecisionBody,
    NoticeBody,
    RefusalBody,
    ReinstatementBody,
    documented,
    notice_body,
)
from compliance.entrypoints.http.callers import Deciding, Noticing, Officer, Reader
from compliance.entrypoints.http.request_schemas import (
    PreviewAnswer,
    RequestAnswer,
    RequestDetail,
    RequestListed,
)
from compliance.storage import notices, requests
from compliance.use_cases.requests import (
    notices_requested,
    previewed,
    request_confirmed,
    request_refused,
    requested,
)
from compliance.use_cases.service import Service

REQUESTS = newest_first("made_at", "request_id")
Key = Annotated[str | None, Header(max_length=200)]


def requesting(service: Service) -> list[Router]:
    """Returns the routes for notices and requests."""
    return [_noticing(service), _deciding(service), _reinstating(service)]


def _noticing(service: Service) -> Router:
    router = Router(prefix="/compliance/notices", tags=["notices"])

    @router.post(
        "",
        status_code=202,
        summary="Submit revocation notices (one, up to 10,000, or CSV)",
        responses={200: {"model": PreviewAnswer, "description": "With `preview`: nothing is changed"}},
        openapi_extra=documented(NoticeBody),
    )
    async def notice(
        request: Request,
        response: Response,
        caller: Noticing,
        *,
        preview: bool = False,
        reason: Annotated[ReasonCode | None, Query(description="For a CSV")] = None,
        revoked_at: Annotated[datetime | None, Query(description="For a CSV")] = None,
        idempotency_key: Key = None,
    ) -> RequestAnswer | PreviewAnswer:
        body = await notice_body(request, reason, revoked_at)
        _known(body.reason, service)
        _own_providers_alone(body.ids, caller)
        if preview:
            response.status_code = 200
            return await _previewed(service, body.ids, caller)
        made = _request(
            service, body, caller, idempotency_key, RequestKind.REVOKE, body.ids, body.reason, body.revoked_at
        )
        known = await notices_requested(made, service)
        return await answered(service, known.request_id)

    return router


def _known(reason: str, service: Service) -> None:
    """Raises 422 for an unknown reason: it is probably a typing error."""
    known = service.settings.known_reasons
    if reason not in known:
        words = f"must be one of {', '.join(known)}; another reason needs a deadline in TAKEDOWN_DEADLINES_H"
        raise Problem(422, "The reason is not known.", errors=[field_error("reason", "unknown", words)])


def _own_providers_alone(ids: list[str], caller: Caller) -> None:
    """Raises 403 for articles of a provider that the key does not list; officers may revoke any."""
    foreign = [one for one in ids if not caller.acts_for(one.partition(":")[0])]
    if foreign:
        words = "this key must not revoke articles of this provider"
        errors = [field_error(one, "provider_not_allowed", words) for one in foreign[:ERRORS_MAX]]
        raise Problem(
            403, f"{len(foreign)} article(s) are of providers that the key does not list.", errors=errors
        )


def _request(
    service: Service,
    body: NoticeBody | ReinstatementBody,
    caller: Caller,
    idempotency_key: str | None,
    kind: RequestKind,
    ids: list[str],
    reason: str,
    revoked_at: datetime | None = None,
) -> rules.Request:
    now = service.clock.now()
    return rules.Request(
        request_id=event_id("request", caller.subject, idempotency_key or uuid4()),
        kind=kind,
        entry="http",
        article_ids=tuple(ids),
        reason=reason,
        revoked_at=revoked_at,
        note=body.note,
        made_by=caller.subject,
        made_at=now,
        expires_at=now + service.request_expiry,
        body_sha256=hashlib.sha256(body.model_dump_json().encode()).digest(),
        traceparent=traceparent(),
    )


async def _previewed(service: Service, ids: list[str], caller: Caller) -> PreviewAnswer:
    revoked, needed = await previewed(ids, caller.subject, service)
    return PreviewAnswer(
        articles=len(ids),
        already_revoked=revoked,
        new_orders=len(ids) - revoked,
        needs_confirmation=needed,
    )


def _deciding(service: Service) -> Router:
    router = Router(prefix="/compliance/notices", tags=["requests"])

    @router.get("/requests", summary="Requests on which a second person decides, the newest first")
    async def list_requests(
        _: Reader,
        *,
        limit: Limit = 100,
        cursor: Cursor = None,
        finished: Annotated[
            bool, Query(description="Include requests that are carried out or were refused")
        ] = False,
    ) -> Page[RequestListed]:
        rows = await requests.page(service.db, REQUESTS.after(cursor), finished_too=finished, limit=limit + 1)
        now = service.clock.now()
        return REQUESTS.page(rows, limit, lambda row: RequestListed.of(row, now))

    @router.get("/requests/{request_id}", summary="One request: its articles, reason, author and progress")
    async def one_request(_: Reader, request_id: UUID) -> RequestDetail:
        row = existing(await requests.one(service.db, request_id), "There is no such request.")
        return RequestDetail.of(row, service.clock.now())

    _confirming(router, service)
    return router


def _confirming(router: Router, service: Service) -> None:
    """Adds the routes with which a second person decides."""

    @router.post("/{request_id}/confirm", status_code=202, summary="Confirm a request as the second person")
    async def confirm(
        request_id: UUID,
        caller: Deciding,
        body: DecisionBody | None = None,
        articles: Annotated[
            int | None,
            Query(
                ge=0,
                description="The number of articles that you reviewed; 409 if the request names more now",
            ),
        ] = None,
    ) -> RequestAnswer:
        await _may_decide(service, request_id, caller)
        note = body.note if body else None
        await request_confirmed(request_id, caller.subject, note, service, articles_seen=articles)
        return await answered(service, request_id)

    @router.post(
        "/{request_id}/refuse",
        status_code=202,
        summary="Refuse a request as the second person; withheld articles are reinstated",
    )
    async def refuse(request_id: UUID, body: RefusalBody, caller: Deciding) -> RequestAnswer:
        await _may_decide(service, request_id, caller)
        await request_refused(request_id, caller.subject, body.note, service)
        return await answered(service, request_id)


async def answered(service: Service, request_id: UUID) -> RequestAnswer:
    """Returns a request for its author or for the person who decides on it.

    Raises:
        Problem: 404.
    """
    row = existing(await requests.one(service.db, request_id), "There is no such request.")
    state = rules.state(dict(row), service.clock.now())
    answer = RequestAnswer(request_id=request_id, state=state, articles=row["articles"])
    if state in {RequestState.WAITING, RequestState.EXPIRED}:
        answer.withheld, answer.expires_at = row["withheld"], row["expires_at"]
        path = f"/api/v1/compliance/notices/{request_id}"
        answer.confirm, answer.refuse = f"{path}/confirm", f"{path}/refuse"
    elif row["kind"] == RequestKind.REVOKE:
        answer.revocations = await notices.orders_of_request(service.db, request_id)
        if len(answer.revocations) == 1:
            answer.revocation_id = next(iter(answer.revocations.values()))
    return answer


async def _may_decide(service: Service, request_id: UUID, caller: Caller) -> None:
    """Checks that the caller may decide: an approver, never on a request of their own.

    On records of unknown senders an officer may decide too.
    """
    row = existing(await requests.one(service.db, request_id), "There is no such request.")
    if "approver" not in caller.roles and not rules.of_unknown_sender(row["made_by"]):
        raise Problem(403, "This needs the role approver.")
    if row["made_by"] == caller.subject:
        raise Problem(403, "A second person must decide on this request.")


def _reinstating(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["requests"])

    @router.post("/reinstatements", status_code=202, summary="Request the reinstatement of many articles")
    async def reinstate(
        body: ReinstatementBody, caller: Officer, idempotency_key: Key = None
    ) -> RequestAnswer:
        ids = list(dict.fromkeys(body.article_ids))
        made = _request(service, body, caller, idempotency_key, RequestKind.REINSTATE, ids, "reinstatement")
        await requested(made, service)
        return await answered(service, made.request_id)

    return router


def removal_of_holder(name: str, caller: Caller, now: datetime, expiry: timedelta) -> rules.Request:
    """Returns the request to remove a holder that has open obligations."""
    return rules.Request(
        request_id=uuid4(),
        kind=RequestKind.REMOVE_HOLDER,
        entry="http",
        article_ids=(),
        holder=name,
        reason="the holder is removed although it has open obligations",
        made_by=caller.subject,
        made_at=now,
        expires_at=now + expiry,
    )
