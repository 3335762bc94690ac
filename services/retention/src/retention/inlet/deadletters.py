"""The way back in for records that could not be used: through the same handlers as any other."""

from clawback_common.bus.authentication import Authentication
from clawback_common.redrive import DeadLetterDesk, redrive_by_subscription
from retention.flow import GROUP, Service
from retention.inlet.consumers import subscriptions, sweeper


def desk(service: Service) -> DeadLetterDesk:
    """The quarantine of retention, with the way back of each topic."""
    again = redrive_by_subscription(
        GROUP, subscriptions(service, sweeper(service)), Authentication.of(service.settings)
    )
    return DeadLetterDesk(service.db, service.clock, again.get)
