"""What is done once when a worker starts."""

from clawback_common.watching import watches
from retention.storage import policies
from retention.use_cases.service import Service


async def begin(service: Service) -> None:
    """Notes since when we watch, and the policies in force."""
    now = service.clock.now()
    await watches.begin(service.db, now)
    await policies.note(service.db, service.policies.values(), now)
