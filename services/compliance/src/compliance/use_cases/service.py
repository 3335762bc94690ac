"""The objects that every use case needs."""

from dataclasses import dataclass
from datetime import timedelta

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.kafka.catchup import CatchUp
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.waking import Waker
from compliance.domain.deadline import Deadlines
from compliance.gateways.ingester import Ingester
from compliance.gateways.stores import HoldingsClient
from compliance.settings import Settings

GROUP = "compliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(ServiceObjects[Settings]):
    """The objects of compliance."""

    ingester: Ingester
    holdings: HoldingsClient
    """The client for holdings checks."""
    verifiers: Waker
    """Woken after a commit that leaves removals to verify."""
    alert_publisher: AlertPublisher
    own_orders: CatchUp | None = None
    """The progress of reading our own topic of orders; None: there is no broker, as in tests of the use cases."""

    async def require_own_orders(self) -> None:
        """Refuses to issue orders before our own topic of orders is read.

        Raises:
            Transient: The topic is not read up to its end at the start of this process.
        """
        if self.own_orders is not None:
            await self.own_orders.check()

    @property
    def request_expiry(self) -> timedelta:
        """Returns how long a request waits for a second person."""
        return timedelta(hours=self.settings.request_expiry_h)

    @property
    def deadlines(self) -> Deadlines:
        """Returns the deadlines by reason."""
        by_reason = self.settings.takedown_deadlines_h
        return Deadlines(
            timedelta(hours=self.settings.takedown_deadline_h),
            {reason: timedelta(hours=hours) for reason, hours in by_reason.items()},
        )
