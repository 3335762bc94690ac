"""The write endpoints of people and of Alertmanager. Each action is recorded with its subject."""

from uuid import UUID

from fastapi import Request

from alerting.entrypoints.http.bodies import ALERTMANAGER, AckBody, AmBody, SilenceBody
from alerting.entrypoints.http.callers import Alertmanager, Operator, Responder
from alerting.entrypoints.http.queries import NO_ALERT, Fingerprint
from alerting.entrypoints.http.schemas import (
    AlertAnswer,
    AlertTested,
    PushAnswer,
    SilenceAnswer,
    SilenceCreated,
)
from alerting.gateways import metrics
from alerting.use_cases import folding, operators
from alerting.use_cases.service import Service
from clawback_common.http.bodies import read_json
from clawback_common.http.problem import Problem, existing
from clawback_common.http.routing import Router


def commands(service: Service) -> list[Router]:
    """Returns the routers of all writes."""
    return [_alerts(service), _silences(service), _testing(service), _pushed(service)]


def _alerts(service: Service) -> Router:
    router = Router(prefix="/alerts", tags=["alerts"])

    @router.post("/{alert_id}/ack", summary="Acknowledge; stops reminders for this occurrence")
    async def acknowledge(
        alert_id: Fingerprint, caller: Responder, body: AckBody | None = None
    ) -> AlertAnswer:
        found = await operators.acknowledge(alert_id, caller.subject, service, body.note if body else None)
        return AlertAnswer.of(existing(found, NO_ALERT))

    @router.post("/{alert_id}/resolve", summary="Resolve; if raised again it becomes a new occurrence")
    async def resolve(alert_id: Fingerprint, caller: Responder) -> AlertAnswer:
        found = await operators.resolve_by_hand(alert_id, caller.subject, service)
        return AlertAnswer.of(existing(found, NO_ALERT))

    return router


def _silences(service: Service) -> Router:
    router = Router(prefix="/silences", tags=["silences"])

    @router.post(
        "",
        status_code=201,
        summary="Mute matching alerts; those that are still firing when the silence ends are notified then",
    )
    async def silence(body: SilenceBody, caller: Responder) -> SilenceCreated:
        span = body.span(service.clock.now())
        made = await operators.silence(body.matchers, span, caller.subject, body.comment, service)
        return SilenceCreated.model_validate(dict(made))

    @router.delete("/{silence_id}", summary="End a silence now; it stays on record")
    async def end(silence_id: UUID, caller: Responder) -> SilenceAnswer:
        ended = existing(
            await operators.end_silence(silence_id, caller.subject, service),
            "There is no active or future silence with this id.",
        )
        return SilenceAnswer.model_validate(dict(ended))

    return router


def _testing(service: Service) -> Router:
    router = Router(prefix="/health", tags=["health"])

    @router.post(
        "/test-alert", status_code=202, summary="Send a test alert to every recipient through every channel"
    )
    async def test(caller: Operator) -> AlertTested:
        made = await operators.send_test_alert(caller.subject, service)
        return AlertTested.of(made, status_url=f"/api/v1/alerts/{made.fingerprint}")

    return router


def _pushed(service: Service) -> Router:
    router = Router(prefix="/webhooks", tags=["webhooks"])

    @router.post("/alertmanager", status_code=202, summary="Alertmanager's webhook, version 4")
    async def alertmanager(request: Request, _: Alertmanager) -> PushAnswer:
        body = AmBody.read(await read_json(request))
        events, refused = body.read_alerts(service.clock.now())
        if events:
            await folding.fold_from_http(events, service)
        if refused:
            metrics.REFUSED.inc(len(refused))
            await folding.on_undecodable_request(ALERTMANAGER, service)
        if not events:
            errors = [error for one in refused for error in one["errors"]]
            raise Problem(422, "None of the alerts is valid.", errors=errors[:100])
        return PushAnswer.model_validate({"accepted": len(events), "refused": refused})

    return router
