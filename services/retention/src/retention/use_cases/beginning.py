"""What is done once when a worker starts."""

from clawback_common.alerts import alert_state
from retention.storage import policies
from retention.use_cases.service import Service


async def begin(service: Service) -> None:
    """Notes since when we watch, and the policies in force."""
    now = service.clock.now()
    await alert_state.begin(service.db, now)
    await policies.note(service.db, service.policies.values(), now)
