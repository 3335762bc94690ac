"""The objects that every use case needs."""

from dataclasses import dataclass

from alerting.domain.routing import RoutingConfig
from alerting.settings import Settings
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.waking import Waker

GROUP = "alerting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(ServiceObjects[Settings]):
    """The objects that every use case needs."""

    routing: RoutingConfig
    """Who is notified of what, as configured in the routes file."""
    senders: Waker
    """Woken after a commit that leaves messages to send."""
