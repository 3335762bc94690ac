"""What the running worker measures periodically."""

from analytics.gateways import metrics
from analytics.storage import facets
from analytics.use_cases.service import Service


async def measure(service: Service) -> None:
    """Sets the metric of articles by state."""
    for state, count in (await facets.counts(service.db)).items():
        metrics.HELD.labels(state).set(count)
