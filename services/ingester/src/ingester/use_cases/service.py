"""The objects that every use case needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.clock import Clock
from clawback_common.http.probes import Check
from clawback_common.messaging.outbox.news import NewsOutbox
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper
from ingester.gateways.providers.port import Feed
from ingester.settings import Settings
from ingester.storage.contents import Months

GROUP = "ingester"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The objects of the ingester."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    news: NewsOutbox
    months: Months
    sweeper: Sweeper
    alert_publisher: AlertPublisher
    feeds: Mapping[str, Feed]
    """The configured feeds by name."""
    orders_applied: Check
    """Raises a `Transient` until the orders from the start are applied, in all partitions."""
