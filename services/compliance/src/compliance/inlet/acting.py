"""What people and systems do to compliance by HTTP. Each act has a subject, and goes the way of the topics."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Header, Query, Request, Response

from clawback_common.http.auth import Caller
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_common.telemetry import traceparent
from clawback_contracts.envelope import event_id
from clawback_contracts.revocation.v1 import ArticleRemoved, Reason
from compliance import flow
from compliance.domain.notice import Notice
from compliance.domain.obligation import Answer
from compliance.flow import Service
from compliance.inlet.bodies import (
    ClosingBody,
    LiftBody,
    NoticeBody,
    documented,
    notice_body,
    receipts_body,
)
from compliance.inlet.callers import Answering, Approver, Noticing, Officer, Operator
from compliance.inlet.registering import registering
from compliance.state import articles, notices, runs


def acting(service: Service) -> list[Router]:
    """All that is done."""
    return [_noticing(service), _lifting(service), registering(service), _minding(service)]


def _noticing(service: Service) -> Router:
    router = Router(prefix="/compliance/notices", tags=["notices"])

    @router.post(
        "",
        status_code=202,
        summary="Say that articles may no longer be held: one, up to 10,000, or CSV",
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
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Any:
        body = await notice_body(request, reason, revoked_at)
        ids = body.ids
        if preview:
            response.status_code = 200
            return await _previewed(service, ids)
        request_id = event_id("request", caller.subject, idempotency_key or uuid4())
        if len(ids) > service.settings.confirm_above:
            return await _put_off(service, request_id, body, caller)
        return _answered(request_id, await _notice(service, request_id, body, caller.subject))

    @router.post(
        "/{request_id}/confirm", status_code=202, summary="A second person confirms notices on many ids"
    )
    async def confirm(request_id: UUID, caller: Approver) -> Any:
        async with service.db.transaction() as tx:
            row = await notices.requested(tx, request_id)
            if row is None:
                raise Problem(404, "There is no such request.")
            if row["made_by"] == caller.subject:
                raise Problem(403, "A second person must confirm it.")
            if row["confirmed_at"] is None:
                await notices.confirm(tx, request_id, caller.subject, service.clock.now())
        body = NoticeBody(
            article_ids=row["article_ids"],
            reason=row["reason"],
            revoked_at=row["revoked_at"],
            note=row["note"],
        )
        return _answered(request_id, await _notice(service, request_id, body, row["made_by"]))

    return router


async def _previewed(service: Service, ids: list[str]) -> dict[str, Any]:
    revoked = await articles.revoked_among(service.db, ids)
    return {
        "preview": True,
        "articles": len(ids),
        "already_revoked": len(revoked),
        "new_orders": len(ids) - len(revoked),
        "needs_confirmation": len(ids) > service.settings.confirm_above,
    }


async def _put_off(service: Service, request_id: UUID, body: NoticeBody, caller: Caller) -> dict[str, Any]:
    async with service.db.transaction() as tx:
        now = service.clock.now()
        await notices.request(
            tx, request_id, body.ids, body.reason.value, body.revoked_at, body.note, caller.subject, now
        )
    return {
        "request_id": request_id,
        "state": "waits_for_confirmation",
        "articles": len(body.ids),
        "confirm": f"/api/v1/compliance/notices/{request_id}/confirm",
    }


async def _notice(service: Service, request_id: UUID, body: NoticeBody, subject: str) -> dict[str, UUID]:
    """The notices' identities follow from the request's, so that a repeated request is a repeated notice."""
    now, trace = service.clock.now(), traceparent()
    noticed = [
        Notice(
            notice_id=event_id("notice", request_id, article_id),
            article_id=article_id,
            reason=body.reason,
            noticed_by=f"http:{subject}",
            noticed_at=now,
            revoked_at=body.revoked_at,
            note=body.note,
            traceparent=trace,
        )
        for article_id in body.ids
    ]
    ordered: dict[str, UUID] = {}
    for start in range(0, len(noticed), SLICE):
        ordered |= await flow.notices_submitted(noticed[start : start + SLICE], service)
    return ordered


SLICE = 500
"""Orders in one transaction; others must not wait long for its rows."""


def _answered(request_id: UUID, ordered: dict[str, UUID]) -> dict[str, Any]:
    answer: dict[str, Any] = {"request_id": request_id, "state": "ordered", "revocations": ordered}
    if len(ordered) == 1:
        answer["revocation_id"] = next(iter(ordered.values()))
    return answer


def _lifting(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["orders"])

    @router.post(
        "/revocations/{revocation_id}/reinstate", status_code=202, summary="Lift the revocation that stands"
    )
    async def reinstate(revocation_id: UUID, body: LiftBody, caller: Officer) -> Any:
        lifting = await flow.reinstate(revocation_id, caller.subject, body.note, service)
        return {
            "revocation_id": lifting.revocation_id,
            "lifts": lifting.lifts,
            "article_id": lifting.article_id,
            "order": lifting.order_no,
        }

    @router.post(
        "/receipts",
        status_code=202,
        summary="A holder answers an order, one or up to 500",
        openapi_extra=documented(ArticleRemoved, many=True),
    )
    async def answer(request: Request, caller: Answering) -> Any:
        events = await receipts_body(request)
        others = {event.holder for event in events} - {caller.subject}
        if others:
            raise Problem(403, "A holder answers for itself: the key's subject must be the holder's name.")
        answers = [Answer.of(event, f"http:{caller.subject}") for event in events]
        meant = await flow.receipts_submitted(answers, service)
        return {
            "items": [
                {"receipt_id": answer.receipt_id, "meaning": meaning.value}
                for answer, meaning in zip(answers, meant, strict=True)
            ]
        }

    return router


def _minding(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["records"])

    @router.post("/runs", status_code=202, summary="Ask for a run; the worker begins it within a second")
    async def run(response: Response, caller: Operator) -> Any:
        run_id = uuid4()
        settings = service.settings
        await runs.request(
            service.db, run_id, "request", caller.subject, service.clock.now(), mock=settings.mock
        )
        response.headers["Location"] = f"/api/v1/compliance/runs/{run_id}"
        return {"run_id": run_id, "state": "requested", "mock": settings.mock}

    @router.post("/incidents/{incident_id}/close", summary="An officer has found out what it was")
    async def close(incident_id: UUID, body: ClosingBody, caller: Officer) -> Any:
        closed = await flow.incident_closed(incident_id, caller.subject, body.note, service)
        if closed is None:
            raise Problem(404, "There is no such open incident.")
        return dict(closed)

    return router
