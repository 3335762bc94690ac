"""Messages go out, each by its channel and at its own pace: a channel that is dead holds up nobody but itself.

Once for its state: a message is claimed before it is sent and marked after it was taken. Between the provider's word
and our mark lies a moment in which a process can die; then, and only then, it is sent again, under the same reference,
by which a person or a gateway recognises it.
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
from alerting.use_cases.folding import say
from alerting.use_cases.service import Service
from clawback_common.retry import Retry, retrying

MARKING = Retry(attempts=8, first_delay_ms=100, delay_ms_max=5_000)
"""About twenty seconds, within the lease: what was sent must not be sent again for a database that restarts."""
SAID_AGAIN = timedelta(minutes=30)
_log = structlog.stdlib.get_logger(__name__)


async def send_one(channel: str, send: Send, service: Service) -> bool:
    """Send the most urgent message of a channel. False when none is due."""
    claimed = await messages.claim(service.db, channel, service.clock.now())
    if claimed is None:
        return False
    lines = await messages.lines(service.db, claimed.message_id)
    address = service.book.address(claimed.recipient, channel)
    if address is None or not lines:
        await _give_up(
            claimed, "nobody may be notified there any more" if lines else "nothing to tell", service
        )
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
                await messages.revive(tx, claimed.channel, now)
            return ended

    failures = await retrying(MARKING, mark)
    metrics.SENT.labels(claimed.channel).inc()
    metrics.TOLD_AFTER.labels(claimed.channel).observe(max(0.0, (now - claimed.due_at).total_seconds()))
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
            failures, _ = await channels.failed(tx, claimed.channel, now, error)
            return failures

    failures = await retrying(MARKING, mark)
    metrics.FAILED.labels(claimed.channel).inc()
    _log.warning(
        "a notification was not taken",
        channel=claimed.channel,
        message_id=claimed.message_id,
        attempts=claimed.attempts,
        reason=error,
        failures=failures,
    )
    if failures >= condition.FAILURES_MAX:
        await watch_channels(service)


async def _give_up(claimed: Claimed, error: str, service: Service) -> None:
    async with service.db.transaction() as tx:
        await messages.give_up(tx, claimed, service.clock.now(), error)


async def watch_channels(service: Service) -> None:
    """A channel that takes nothing is itself an alert, told by the others; it ends when the channel takes something."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        said: list[AlertEvent] = []
        for row in await channels.every(tx):
            name, failures = row["name"], row["failures"]
            known = await alerts.one(tx, condition.channel_fingerprint(name))
            firing = known is not None and known.firing
            metrics.CHANNEL_FAILING.labels(name).set(failures >= condition.FAILURES_MAX)
            if failures >= condition.FAILURES_MAX:
                if not (known and firing and now - known.last_at < SAID_AGAIN):
                    said.append(condition.channel_down(name, failures, row["failing_since"], now))
            elif firing and not failures:
                said.append(Resolved(condition.channel_fingerprint(name), now))
        await say(tx, said, service, now)
