"""The way back in for records that could not be used: through the same handlers as any other."""

from analytics.flow import GROUP, Service
from analytics.inlet.consumers import subscriptions
from clawback_common.bus.authentication import Authentication
from clawback_common.redrive import DeadLetterDesk, redrive_by_subscription


def desk(service: Service) -> DeadLetterDesk:
    """The quarantine of analytics, with the way back of each topic."""
    again = redrive_by_subscription(
        GROUP, subscriptions(service, positions=False), Authentication.of(service.settings)
    )
    return DeadLetterDesk(service.db, service.clock, again.get)
