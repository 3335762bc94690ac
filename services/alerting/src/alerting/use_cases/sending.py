"""Sends the messages of each channel independently, so that a channel that is down delays only its own messages.

Each message is sent once for its state. It is claimed before it is sent and marked after the channel has accepted it.
Only if the process dies between these two steps, it is sent again, with the same reference, by which a person or a
gateway recognises the duplicate.
"""

from datetime import timedelta

import structlog

from alerting.domain import condition
from alerting.domain.alert import AlertEvent, Resolved
from alerting.domain.message_format import Line, compose
from alerting.domain.notification_policy import next_try
from alerting.gateways import metrics
from alerting.gateways.notification import Outgoing, Send
from alerting.storage import alerts, channels, messages
from alerting.storage.messages import Claimed
from alerting.use_cases.folding import fold_events
from alerting.use_cases.service import Service
from clawback_common.retry import Retry, retrying

MARKING = Retry(attempts=8, first_delay_ms=100, delay_ms_max=5_000)
"""About 20 seconds, within the lease, so that a restart of the database does not cause a second sending."""
REPEAT_INTERVAL = timedelta(minutes=30)
_log = structlog.stdlib.get_logger(__name__)


async def send_one(channel: str, send: Send, service: Service) -> bool:
    """Sends the most urgent due message of a channel.

    Returns:
        False if none is due.
    """
    claimed = await messages.claim(service.db, channel, service.clock.now())
    if claimed is None:
        return False
    lines = await messages.lines(service.db, claimed.message_id)
    address = service.routing.address(claimed.recipient, channel)
    if address is None or not lines:
        reason = "the recipient may no longer be notified there" if lines else "the message has no alerts"
        await messages.give_up(service.db, claimed, service.clock.now(), reason)
        return True
    reference = str(claimed.message_id)
    words = compose(lines, reference, service.settings.runbooks_url)
    error = await send(Outgoing(reference, address, words, claimed.severity, lines[0].fingerprint))
    if error is None:
        await _sent(claimed, service)
    else:
        await _failed(claimed, lines, error, service)
    return True


async def _sent(claimed: Claimed, service: Service) -> None:
    now = service.clock.now()

    async def mark() -> int:
        async with service.db.transaction() as tx:
            await messages.sent(tx, claimed.message_id, now)
            ended = await channels.sent(tx, claimed.channel, now)
            if ended:
                await messages.make_due(tx, claimed.channel, now)
            return ended

    failures = await retrying(MARKING, mark)
    metrics.SENT.labels(claimed.channel).inc()
    metrics.DELIVERY_SECONDS.labels(claimed.channel).observe(max(0.0, (now - claimed.due_at).total_seconds()))
    if failures:
        await watch_channels(service)


async def _failed(claimed: Claimed, lines: list[Line], error: str, service: Service) -> None:
    now = service.clock.now()
    firing = any(not line.over for line in lines)
    again_at = next_try(claimed.severity, claimed.attempts, claimed.due_at, now, firing=firing)

    async def mark() -> int:
        async with service.db.transaction() as tx:
            if again_at is None:
                await messages.give_up(tx, claimed, now, error)
            else:
                await messages.failed(tx, claimed, again_at, error)
            return await channels.failed(tx, claimed.channel, now, error)

    failures = await retrying(MARKING, mark)
    metrics.FAILED.labels(claimed.channel).inc()
    _log.warning(
        "the channel did not accept a notification",
        channel=claimed.channel,
        message_id=claimed.message_id,
        attempts=claimed.attempts,
        reason=error,
        failures=failures,
    )
    if failures >= condition.FAILURES_MAX:
        await watch_channels(service)


async def watch_channels(service: Service) -> None:
    """Raises an alert for each failing channel, and resolves it after its first success.

    Other channels send the alert.
    """
    async with service.db.transaction() as tx:
        now = service.clock.now()
        events: list[AlertEvent] = []
        for row in await channels.every(tx):
            name, failures = row["name"], row["failures"]
            known = await alerts.one(tx, condition.channel_fingerprint(name))
            firing = known is not None and known.firing
            metrics.CHANNEL_FAILING.labels(name).set(failures >= condition.FAILURES_MAX)
            if failures >= condition.FAILURES_MAX:
                if not (known and firing and now - known.last_at < REPEAT_INTERVAL):
                    events.append(condition.channel_down(name, failures, row["failing_since"], now))
            elif firing and not failures:
                events.append(Resolved(condition.channel_fingerprint(name), now))
        await fold_events(tx, events, service, now)
