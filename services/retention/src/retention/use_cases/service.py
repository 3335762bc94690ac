"""The objects that every use case needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_common.alerts.publisher import AlertPublisher
from clawback_common.service.objects import ServiceObjects
from retention.domain.policy import Policy
from retention.settings import Settings

GROUP = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(ServiceObjects[Settings]):
    """The objects that every use case needs."""

    policies: Mapping[str, Policy]
    """By class."""
    alert_publisher: AlertPublisher
    """Retention as an owner: of its job runs, like every service."""
