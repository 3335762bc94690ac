"""The objects that every use case needs."""

from dataclasses import dataclass

from analytics.gateways.cache import Cache
from analytics.settings import Settings
from analytics.storage.values import ValueIds
from clawback_common.http.probes import Check
from clawback_common.service.objects import ServiceObjects

GROUP = "analytics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(ServiceObjects[Settings]):
    """The objects that every use case needs."""

    cache: Cache
    value_ids: ValueIds
    orders_applied: Check
    """Whether the orders that were on their topic at start-up are applied."""
