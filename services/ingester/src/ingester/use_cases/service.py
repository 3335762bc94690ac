"""The objects that every use case needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.http.probes import Check
from clawback_common.messaging.outbox.bulk import BulkOutbox
from clawback_common.service.objects import ServiceObjects
from ingester.domain.backlog import Backlog
from ingester.gateways.providers.port import Feed
from ingester.settings import Settings
from ingester.storage.contents import Months

GROUP = "ingester"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(ServiceObjects[Settings]):
    """The objects of the ingester."""

    bulk_outbox: BulkOutbox
    months: Months
    alert_publisher: AlertPublisher
    feeds: Mapping[str, Feed]
    """The configured feeds by name."""
    backlog: Backlog = field(default_factory=Backlog)
    orders_applied: Check
    """Raises a `Transient` until the orders from the start are applied, in all partitions."""
