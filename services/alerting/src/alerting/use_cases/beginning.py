"""What a worker does once at start-up."""

from alerting.domain import condition
from alerting.domain.alert import AlertEvent, Resolved
from alerting.storage import channels, consents, messages, watches
from alerting.use_cases.folding import fold_events
from alerting.use_cases.service import Service


async def begin(service: Service) -> None:
    """Records the first start and the consents of the routes file; gives up messages of removed channels."""
    now = service.clock.now()
    await watches.record_start(service.db, now)
    await consents.record(service.db, service.routing.recipients.values(), now)
    await messages.give_up_removed(service.db, service.routing.channels, now)
    async with service.db.transaction() as tx:
        deleted = await channels.delete_others(tx, service.routing.channels)
        ended: list[AlertEvent] = [Resolved(condition.channel_fingerprint(name), now) for name in deleted]
        await fold_events(tx, ended, service, now)
