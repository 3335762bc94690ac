"""The objects that every use case needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.clock import Clock
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from retention.domain.policy import Policy
from retention.settings import Settings

GROUP = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The objects that every use case needs."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    policies: Mapping[str, Policy]
    """By class."""
    alert_publisher: AlertPublisher
    sweeper: Sweeper
    """Retention as an owner: of its job runs, like every service."""
