"""What every part of the story needs."""

from dataclasses import dataclass
from datetime import timedelta

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.clock import Clock
from clawback_common.kafka.catchup import CatchUp
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.waking import Waker
from compliance.domain.deadline import Deadlines
from compliance.gateways.ingester import Ingester
from compliance.gateways.stores import HoldingsClient
from compliance.settings import Settings

GROUP = "compliance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every part of the story needs."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    ingester: Ingester
    holdings: HoldingsClient
    """Asks holders what they hold."""
    verifiers: Waker
    """Woken after a commit that leaves something to look at."""
    sweeper: Sweeper
    alert_publisher: AlertPublisher
    own_orders: CatchUp | None = None
    """How far our own topic of orders was read; None: there is no broker, as in a test of the flow alone."""

    async def require_own_orders(self) -> None:
        """Refuses to issue an order before all that we have issued is known again.

        Raises:
            Transient: our own topic is not read to where it ended when this process started.
        """
        if self.own_orders is not None:
            await self.own_orders.check()

    @property
    def request_expiry(self) -> timedelta:
        """How long a request waits for a second person."""
        return timedelta(hours=self.settings.request_expiry_h)

    @property
    def deadlines(self) -> Deadlines:
        """From the start of the clock to the end of every copy, by reason."""
        by_reason = self.settings.takedown_deadlines_h
        return Deadlines(
            timedelta(hours=self.settings.takedown_deadline_h),
            {reason: timedelta(hours=hours) for reason, hours in by_reason.items()},
        )
