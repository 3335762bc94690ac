"""Webhooks: stored with their raw body when they arrive, and processed from this queue."""

import hashlib
from datetime import datetime
from functools import partial
from typing import Any

from clawback_common.errors import Poison
from clawback_common.http.problem import Problem
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_common.subjects import subjects_of
from clawback_common.telemetry import span, traceparent
from ingester.domain.article import deliveries
from ingester.entrypoints.http.bodies import (
    REVOKED,
    TOO_OLD,
    RejectedItem,
    ValidationResult,
    item_id,
    validate_items,
)
from ingester.entrypoints.http.webhooks import Unverified
from ingester.storage import articles
from ingester.storage import deliveries as state
from ingester.use_cases import storing
from ingester.use_cases.service import GROUP, Service

BATCH = 20


async def accept(
    service: Service, provider: str, unverified: Unverified, body: bytes
) -> tuple[int, dict[str, Any]]:
    """Verifies and stores a webhook. Returns 202, or 200 for a repeated one.

    Raises:
        Problem: 401 or 422, see ``Unverified`` and ``validate_items``; 409: the id is known with another body.
    """
    now = service.clock.now()
    webhook_id = unverified.verify(body)
    sha256 = hashlib.sha256(body).digest()
    known = await state.known(service.db, provider, webhook_id)
    if known is None:
        validated = validate_items(body, (provider,), standard=True)
        validated = validated.without(
            await articles.too_old(service.db, validated.accepted, now), TOO_OLD
        ).require_some()
        ids = [article.article_id for article in validated.accepted]
        answer = validated.without(await articles.revoked(service.db, ids), REVOKED).answer(webhook_id)
        if await state.insert(service.db, provider, webhook_id, body, sha256, answer, traceparent(), now):
            return 202, answer
        known = await state.known(service.db, provider, webhook_id)
    if known is None or known.body_sha256 != sha256:
        raise Problem(409, "This webhook-id was used for another body.")
    return 200, known.answer


async def process_waiting(service: Service) -> None:
    """Processes all waiting webhooks one after the other."""
    while rows := await state.waiting(service.db, BATCH):
        for row in rows:
            with span("process webhook", parent=row["traceparent"]):
                await _process(service, row)


async def _process(service: Service, row: Row) -> None:
    validated = _validate_again(row)
    source, arrived_at = f"webhook:{row['provider']}", row["received_at"]
    incoming = deliveries(
        ((article, traceparent()) for article in validated.accepted),
        arrived_at,
        validated.event_ids(row["webhook_id"]),
    )
    done = partial(_done, service, row)
    bad = [refused_as_bad(source, row["webhook_id"], one, arrived_at) for one in validated.refused]
    await storing.store(
        service,
        incoming,
        source=source,
        bad=bad,
        providers=(row["provider"],),
        steps=[done],
    )


def _validate_again(row: Row) -> ValidationResult:
    """Validates it by the current rules; a body that is no longer valid goes to quarantine as a whole."""
    try:
        return validate_items(row["body"], (row["provider"],), standard=True)
    except Problem as problem:
        return ValidationResult([], [RejectedItem(0, [dict(one) for one in problem.errors], row["body"])])


async def _done(service: Service, row: Row, tx: Transaction) -> None:
    await state.processed(tx, row["provider"], row["webhook_id"], service.clock.now())


def refused_as_bad(
    source: str, delivery_id: str, refused: RejectedItem, arrived_at: datetime | None = None
) -> Bad:
    """Returns a rejected item as a record for quarantine. ``arrived_at``: None means now."""
    first = refused.errors[0]
    subjects = subjects_of(None, refused.raw, content=True)
    return Bad(
        Poison(first["code"], f"{first['path']}: {first['message']}"[:500]),
        source=GROUP,
        topic=source,
        offset=refused.index,
        at=arrived_at,
        event_id=item_id(delivery_id, refused.index),
        subjects=subjects.ids,
        identified=subjects.named_in_body,
        type="clawback.article.submitted.v1",
        value=refused.raw,
    )
