"""Write requests by people and systems. Each has a subject and uses the same functions as records on topics."""

from dataclasses import asdict
from uuid import UUID, uuid4

from fastapi import Request, Response

from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router
from clawback_contracts.revocation.v1 import ArticleRemoved
from compliance.domain.obligation import Answer
from compliance.entrypoints.http.bodies import ReinstateBody, documented, receipts_body
from compliance.entrypoints.http.callers import Answering, Officer, Operator
from compliance.entrypoints.http.holders import registering
from compliance.entrypoints.http.order_schemas import ReceiptResult, ReceiptResults, Reinstated
from compliance.entrypoints.http.requests import requesting
from compliance.entrypoints.http.run_schemas import RunRequested
from compliance.storage import runs
from compliance.use_cases import orders, receipts
from compliance.use_cases.service import Service


def commands(service: Service) -> list[Router]:
    """Returns the routes of all write requests."""
    return [*requesting(service), _reinstating_one(service), registering(service), _minding(service)]


def _reinstating_one(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["orders"])

    @router.post(
        "/revocations/{revocation_id}/reinstate", status_code=202, summary="Reinstate a revoked article"
    )
    async def reinstate(revocation_id: UUID, body: ReinstateBody, caller: Officer) -> Reinstated:
        reinstating = await orders.reinstate(revocation_id, caller.subject, body.note, service)
        return Reinstated.model_validate(asdict(reinstating))

    @router.post(
        "/receipts",
        status_code=202,
        summary="Submit receipts of a holder, one or up to 500",
        openapi_extra=documented(ArticleRemoved, many=True),
    )
    async def answer(request: Request, caller: Answering) -> ReceiptResults:
        events = await receipts_body(request)
        others = {event.holder for event in events} - {caller.subject}
        if others:
            raise Problem(
                403, "A holder answers only for itself: the key's subject must be the holder's name."
            )
        answers = [Answer.of(event, f"http:{caller.subject}") for event in events]
        meant = await receipts.receipts_submitted(answers, service)
        return ReceiptResults(
            items=[
                ReceiptResult(receipt_id=answer.receipt_id, meaning=meaning)
                for answer, meaning in zip(answers, meant, strict=True)
            ]
        )

    return router


def _minding(service: Service) -> Router:
    router = Router(prefix="/compliance", tags=["records"])

    @router.post("/runs", status_code=202, summary="Request a run; the worker starts it within a second")
    async def run(response: Response, caller: Operator) -> RunRequested:
        run_id = uuid4()
        settings = service.settings
        await runs.request(
            service.db, run_id, "request", caller.subject, service.clock.now(), mock=settings.mock
        )
        response.headers["Location"] = f"/api/v1/compliance/runs/{run_id}"
        return RunRequested(run_id=run_id, mock=settings.mock)

    return router
