"""The objects that every use case needs."""

from dataclasses import dataclass

from alerting.domain.routing import RoutingConfig
from alerting.settings import Settings
from clawback_common.clock import Clock
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from clawback_common.service.waking import Waker

GROUP = "alerting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The objects that every use case needs."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    routing: RoutingConfig
    """Who is notified of what, as configured in the routes file."""
    senders: Waker
    """Woken after a commit that leaves messages to send."""
    sweeper: Sweeper
