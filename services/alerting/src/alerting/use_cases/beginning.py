"""What is done once when a worker starts."""

from alerting.domain import condition
from alerting.domain.alert import AlertEvent, Resolved
from alerting.storage import channels, consents, messages, watches
from alerting.use_cases.folding import say
from alerting.use_cases.service import Service


async def begin(service: Service) -> None:
    """Notes the first start, the consents of the routes file, and what has no channel any more."""
    now = service.clock.now()
    await watches.begin(service.db, now)
    await consents.record(service.db, service.book.recipients.values(), now)
    await messages.strand(service.db, service.book.channels, now)
    async with service.db.transaction() as tx:
        gone = await channels.forget(tx, service.book.channels)
        ended: list[AlertEvent] = [Resolved(condition.channel_fingerprint(name), now) for name in gone]
        await say(tx, ended, service, now)
