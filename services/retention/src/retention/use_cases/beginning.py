"""What a worker does once at start-up."""

from clawback_common.alerts import alert_state
from retention.storage import policies
from retention.use_cases.service import Service


async def begin(service: Service) -> None:
    """Records when monitoring started, and the policies in force."""
    now = service.clock.now()
    await alert_state.begin(service.db, now)
    await policies.save(service.db, service.policies.values(), now)
