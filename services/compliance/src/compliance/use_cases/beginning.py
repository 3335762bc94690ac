"""Tasks that run once when a worker starts."""

from clawback_common.alerts import alert_state
from compliance.domain.holder import own_holders
from compliance.use_cases.holders import holder_registered
from compliance.use_cases.service import GROUP, Service


async def begin(service: Service) -> None:
    """Records the start of monitoring, and registers our stores, the brokers and the expiry holders."""
    await alert_state.begin(service.db, service.clock.now())
    settings = service.settings
    for registration in own_holders(
        settings.stores, settings.expiry_holders, settings.kafka_content_retention_h
    ):
        await holder_registered(registration, GROUP, service)
