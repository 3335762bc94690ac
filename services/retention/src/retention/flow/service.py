"""What every part of the story needs."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_common.clock import Clock
from clawback_common.db import Database
from clawback_common.outbox.orders import OrdersOutbox
from retention.domain.policy import Policy
from retention.settings import Settings

GROUP = "retention"


@dataclass(frozen=True, slots=True)
class Service:
    """What every part of the story needs."""

    settings: Settings
    db: Database
    outbox: OrdersOutbox
    clock: Clock
    policies: Mapping[str, Policy]
    """By class."""
