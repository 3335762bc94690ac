"""What the running worker measures periodically."""

from alerting.gateways import metrics
from alerting.storage import alerts, messages
from alerting.use_cases.service import Service


async def measure(service: Service) -> None:
    """Sets the metrics of waiting messages by channel and of firing alerts by severity."""
    now = service.clock.now()
    waiting = await messages.waiting(service.db)
    for channel in service.routing.channels:
        count, oldest = waiting.get(channel, (0, now))
        metrics.WAITING.labels(channel).set(count)
        metrics.OLDEST.labels(channel).set(max(0.0, (now - oldest).total_seconds()))
    firing = await alerts.firing_counts(service.db)
    for severity in ("critical", "warning", "info"):
        metrics.FIRING.labels(severity).set(firing.get(severity, 0))
