"""What people and Alertmanager do by HTTP. Each act has a subject."""

from dataclasses import asdict
from uuid import UUID

from fastapi import Request

from alerting import use_cases
from alerting.entrypoints.http.bodies import ALERTMANAGER, AckBody, AmBody, SilenceBody
from alerting.entrypoints.http.callers import Minding, Operator, Pushing
from alerting.entrypoints.http.queries import Fingerprint
from alerting.entrypoints.http.schemas import (
    AlertAnswer,
    AlertTested,
    PushAnswer,
    SilenceAnswer,
    SilenceCreated,
)
from alerting.gateways import metrics
from alerting.use_cases import Service
from clawback_common.http.bodies import read_json
from clawback_common.http.problem import Problem
from clawback_common.http.routing import Router


def commands(service: Service) -> list[Router]:
    """All that is done."""
    return [_alerts(service), _silences(service), _testing(service), _pushed(service)]


def _alerts(service: Service) -> Router:
    router = Router(prefix="/alerts", tags=["alerts"])

    @router.post("/{alert_id}/ack", summary="Acknowledge: no more reminders of this occurrence")
    async def acknowledge(alert_id: Fingerprint, caller: Minding, body: AckBody | None = None) -> AlertAnswer:
        found = await use_cases.acknowledge(alert_id, caller.subject, service, body.note if body else None)
        if found is None:
            raise Problem(404, "There is no such alert.")
        return AlertAnswer.of(found)

    @router.post("/{alert_id}/resolve", summary="Resolve: raised again, it is a new occurrence")
    async def resolve(alert_id: Fingerprint, caller: Minding) -> AlertAnswer:
        found = await use_cases.resolve_by_hand(alert_id, caller.subject, service)
        if found is None:
            raise Problem(404, "There is no such alert.")
        return AlertAnswer.of(found)

    return router


def _silences(service: Service) -> Router:
    router = Router(prefix="/silences", tags=["silences"])

    @router.post("", status_code=201, summary="Mute what matches; what still holds when it ends is told then")
    async def silence(body: SilenceBody, caller: Minding) -> SilenceCreated:
        span = body.span(service.clock.now())
        made = await use_cases.silence(body.matchers, span, caller.subject, body.comment, service)
        return SilenceCreated.model_validate(asdict(made))

    @router.delete("/{silence_id}", summary="End a silence now; it stays on record")
    async def end(silence_id: UUID, caller: Minding) -> SilenceAnswer:
        ended = await use_cases.end_silence(silence_id, caller.subject, service)
        if ended is None:
            raise Problem(404, "There is no such silence that is not over.")
        return SilenceAnswer.model_validate(dict(ended))

    return router


def _testing(service: Service) -> Router:
    router = Router(prefix="/health", tags=["health"])

    @router.post("/test-alert", status_code=202, summary="A test to everyone by every channel")
    async def test(caller: Operator) -> AlertTested:
        made = await use_cases.test_everybody(caller.subject, service)
        return AlertTested.of(made, status_url=f"/api/v1/alerts/{made.fingerprint}")

    return router


def _pushed(service: Service) -> Router:
    router = Router(prefix="/webhooks", tags=["webhooks"])

    @router.post("/alertmanager", status_code=202, summary="Alertmanager's webhook, version 4")
    async def alertmanager(request: Request, _: Pushing) -> PushAnswer:
        body = AmBody.read(await read_json(request))
        said, refused = body.read_alerts(service.clock.now())
        if said:
            await use_cases.said_by_door(said, service)
        if refused:
            metrics.REFUSED.inc(len(refused))
            await use_cases.on_unreadable_door(ALERTMANAGER, service)
        if not said:
            errors = [error for one in refused for error in one["errors"]]
            raise Problem(422, "None of the alerts can be read.", errors=errors[:100])
        return PushAnswer.model_validate({"accepted": len(said), "refused": refused})

    return router
