"""The queue of webhooks, which are stored with their raw body when they arrive."""

from datetime import datetime

from clawback_common.errors import Poison
from clawback_common.messaging.quarantine import Bad
from clawback_common.postgres import Transaction
from clawback_common.postgres.pool import Row
from clawback_common.subjects import subjects_of
from clawback_common.telemetry import span, traceparent
from ingester.domain.article import deliveries
from ingester.entrypoints.http.bodies import RejectedItem, item_id, validate_again
from ingester.storage import deliveries as state
from ingester.use_cases import storing
from ingester.use_cases.service import GROUP, Service

BATCH = 20


async def process_waiting(service: Service) -> None:
    """Processes all waiting webhooks one after the other."""
    while rows := await state.waiting(service.db, BATCH):
        for row in rows:
            with span("process webhook", parent=row["traceparent"]):
                await _process(service, row)


async def _process(service: Service, row: Row) -> None:
    validated = validate_again(row["body"], row["provider"])
    source, arrived_at = f"webhook:{row['provider']}", row["received_at"]
    incoming = deliveries(
        ((article, traceparent()) for article in validated.accepted),
        arrived_at,
        validated.event_ids(row["webhook_id"]),
    )

    async def done(tx: Transaction) -> None:
        await state.processed(tx, row["provider"], row["webhook_id"], service.clock.now())

    bad = [refused_as_bad(source, row["webhook_id"], one, arrived_at) for one in validated.refused]
    await storing.store(
        service,
        incoming,
        source=source,
        bad=bad,
        providers=(row["provider"],),
        steps=[done],
    )


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
