"""The objects that every use case needs."""

from dataclasses import dataclass

from analytics.gateways.cache import Cache
from analytics.settings import Settings
from analytics.storage.values import ValueIds
from clawback_common.clock import Clock
from clawback_common.http.probes import Check
from clawback_common.messaging.outbox.orders import OrdersOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper

GROUP = "analytics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The objects that every use case needs."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    cache: Cache
    value_ids: ValueIds
    sweeper: Sweeper
    orders_applied: Check
    """Whether the orders that were on their topic at start-up are applied."""
