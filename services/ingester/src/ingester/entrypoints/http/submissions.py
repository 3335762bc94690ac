"""Articles over HTTP, from upstream systems and from partners' webhooks, and the status of each record."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Path, Request, Response, Security
from fastapi.security import APIKeyHeader

from clawback_common.http.auth import Caller
from clawback_common.http.openapi import header, items_of, json_body, schema_of
from clawback_common.http.problem import Problem, field_error
from clawback_common.http.routing import Router
from clawback_common.messaging import quarantine
from clawback_common.telemetry import traceparent
from clawback_contracts.article.v1 import ArticleSubmitted
from clawback_contracts.topics import topic_named
from ingester.domain.article import deliveries as numbered
from ingester.domain.submission import REFUSALS, Outcome, SubmissionState, state_of
from ingester.entrypoints import deliveries
from ingester.entrypoints.http.bodies import (
    ITEMS_MAX,
    REVOKED,
    TOO_OLD,
    StandardWebhook,
    ValidationResult,
    validate_items,
)
from ingester.entrypoints.http.callers import Asking, Upstream
from ingester.entrypoints.http.schemas import SubmissionAnswer, SubmissionStatus
from ingester.entrypoints.http.webhooks import WebhookSecrets, accept
from ingester.storage import articles, submitted
from ingester.storage import deliveries as stored_answers
from ingester.storage.submitted import Found
from ingester.use_cases import storing
from ingester.use_cases.service import Service

Key = Annotated[str | None, Header(max_length=200)]
EventId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=220,
        description="The `ce_id` of a record on Kafka, or one of the `event_ids` of an HTTP response",
    ),
]
ARTICLE = schema_of(ArticleSubmitted, closed=True)
ARTICLES = items_of(ARTICLE, ITEMS_MAX)
STANDARD = schema_of(StandardWebhook)
STANDARD["properties"]["data"] = {"oneOf": [ARTICLE, ARTICLES]}
WEBHOOK = {
    **json_body([ARTICLE, ARTICLES, STANDARD]),
    "parameters": [
        header(
            "webhook-id", "The id of the webhook, unchanged when it is sent again. At most 200 characters"
        ),
        header(
            "webhook-timestamp",
            "When it was sent, in seconds since 1970; at most 5 minutes from the current time",
        ),
        header(
            "webhook-signature",
            "`v1,` and the base64 of HMAC-SHA256, with the shared secret, of `{id}.{timestamp}.{body}`; at "
            "most 5, separated by spaces",
        ),
    ],
}
_signed = APIKeyHeader(
    name="webhook-signature",
    scheme_name="webhook",
    description="Standard Webhooks: a signature with the secret that provider and operator share (`whsec_…`)",
    auto_error=False,
)
BODY_ID_CHARS = 16
"""Characters of the body's SHA-256 that identify its items: 64 bits."""


def submitting(service: Service, secrets: WebhookSecrets) -> Router:
    """Returns the routes that accept articles."""
    router = Router(tags=["submissions"])

    @router.post(
        "/submissions",
        status_code=202,
        summary="Submit one article, or up to 500",
        openapi_extra=json_body([ARTICLE, ARTICLES]),
    )
    async def submit(request: Request, caller: Upstream, idempotency_key: Key = None) -> SubmissionAnswer:
        body = await request.body()
        sha256 = hashlib.sha256(body).digest()
        if idempotency_key:
            known = await stored_answers.answered(service.db, caller.subject, idempotency_key)
            if known is not None and known.body_sha256 != sha256:
                raise Problem(409, "This Idempotency-Key was used for another body.")
            if known is not None:
                return SubmissionAnswer.model_validate(known.answer)
        answer = await _take(service, caller, idempotency_key, body, sha256)
        return SubmissionAnswer.model_validate(answer)

    @router.get(
        "/submissions/{event_id:path}",
        summary="The status of a record: unknown, accepted, stored, published, or refused with the reason",
    )
    async def what_became(caller: Asking, event_id: EventId) -> SubmissionStatus:
        return await _status(service, caller, event_id)

    @router.post(
        "/webhooks/{provider}",
        status_code=202,
        summary="Submit articles as a partner (Standard Webhooks)",
        description="The same `webhook-id` with the same body gets 200, with another body 409.",
        responses={200: {"model": SubmissionAnswer, "description": "The webhook was already received"}},
        openapi_extra=WEBHOOK,
        dependencies=[Security(_signed)],
    )
    async def webhook(
        request: Request, response: Response, provider: Annotated[str, Path(pattern=r"^[a-z0-9-]{1,32}$")]
    ) -> SubmissionAnswer:
        unverified = secrets.claimed(provider, request.headers, service.clock.now())
        status, answer = await accept(service, provider, unverified, await request.body())
        response.status_code = status
        return SubmissionAnswer.model_validate(answer)

    return router


async def _take(
    service: Service, caller: Caller, idempotency_key: str | None, body: bytes, sha256: bytes
) -> dict[str, Any]:
    """Stores the valid items of a body.

    A revoked article is not stored, but its number is: an older version stays older after a reinstatement.
    """
    now, providers = service.clock.now(), sorted(caller.providers)
    source, body_id = f"http:{caller.subject}", sha256.hex()[:BODY_ID_CHARS]
    validated = validate_items(body, providers)
    validated = validated.without(
        await articles.too_old(service.db, validated.accepted, now), TOO_OLD
    ).require_some()
    ids = [article.article_id for article in validated.accepted]
    taken = validated.without(await articles.revoked(service.db, ids), REVOKED)
    answer = taken.answer(body_id)

    async def remember(tx: Any) -> None:
        if idempotency_key and taken.accepted:
            await stored_answers.answer(tx, caller.subject, idempotency_key, sha256, answer, now)

    await storing.store(
        service,
        numbered(
            ((article, traceparent()) for article in validated.accepted),
            now,
            validated.event_ids(body_id),
        ),
        source=source,
        bad=_refused(validated, source, body_id),
        providers=providers,
        steps=[remember],
    )
    taken.require_some()
    return answer


def _refused(validated: ValidationResult, source: str, body_id: str) -> list[quarantine.Bad]:
    return [
        deliveries.refused_as_bad(source, body_id, one) for one in validated.refused if one.raw is not None
    ]


async def _status(service: Service, caller: Caller, event_id: str) -> SubmissionStatus:
    for found in await submitted.find(service.db, event_id):
        if _sent_by(caller, found.source, service):
            return _known(event_id, found)
    for refusal in await quarantine.refusals(service.db, event_id):
        if _sent_by(caller, refusal.topic, service):
            return SubmissionStatus(
                event_id=event_id,
                state=SubmissionState.REFUSED,
                article_id=next(iter(refusal.subjects), None),
                received_at=refusal.arrived_at,
                errors=[field_error("", refusal.reason, refusal.detail)],
            )
    return await _of_webhook(service, caller, event_id)


def _known(event_id: str, found: Found) -> SubmissionStatus:
    refused = found.outcome is not Outcome.STORED
    return SubmissionStatus(
        event_id=event_id,
        state=state_of(found.outcome, found.standing),
        article_id=found.article_id,
        received_at=found.received_at,
        version=None if refused else found.version,
        article_state=found.standing.state if found.standing else None,
        errors=[field_error("", found.outcome, REFUSALS[found.outcome])] if refused else [],
    )


async def _of_webhook(service: Service, caller: Caller, event_id: str) -> SubmissionStatus:
    """Returns the status of an item of a webhook that is not processed yet, by its response; else unknown."""
    webhook_id, _, index = event_id.rpartition("/")
    for provider in sorted(caller.providers):
        known = await stored_answers.known(service.db, provider, webhook_id)
        if known is None:
            continue
        answer = SubmissionAnswer.model_validate(known.answer)
        for one in answer.refused:
            if str(one.index) == index:
                return SubmissionStatus(event_id=event_id, state=SubmissionState.REFUSED, errors=one.errors)
        accepted = dict(zip(answer.event_ids, answer.accepted, strict=False))
        if event_id in accepted:
            article_id = accepted[event_id]
            return SubmissionStatus(event_id=event_id, state=SubmissionState.ACCEPTED, article_id=article_id)
    return SubmissionStatus(event_id=event_id, state=SubmissionState.UNKNOWN)


def _sent_by(caller: Caller, source: str, service: Service) -> bool:
    """Returns whether the caller is the sender: of a request, its partner's webhook, or a record on its topic.

    The topic of one upstream system has its name or its providers. The shared topic, which exists only in development,
    belongs to all callers.
    """
    if not caller.roles.isdisjoint({"operator", "officer"}):
        return True
    kind, _, name = source.partition(":")
    if kind == "http":
        return name == caller.subject
    if kind == "webhook":
        return name in caller.providers
    topics: Mapping[str, tuple[str, ...]] = service.settings.topics_of_submissions
    topic = topic_named(source)
    if source == ArticleSubmitted.TOPIC:
        return True
    own = topic is not None and topic.writers == (caller.subject,)
    return source in topics and (own or set(topics[source]) == caller.providers)
