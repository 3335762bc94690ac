"""What every use case of retention works with."""

from collections.abc import Mapping
from dataclasses import dataclass

from clawback_common.clock import Clock
from clawback_common.db import Database
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.sweeping import Sweeper
from clawback_common.watching.announcer import Announcer
from retention.domain.policy import Policy
from retention.settings import Settings

GROUP = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What every use case of retention works with."""

    settings: Settings
    db: Database
    clock: Clock
    orders: OrdersOutbox
    policies: Mapping[str, Policy]
    """By class."""
    announcer: Announcer
    sweeper: Sweeper
    """Retention as an owner: of the runs of its jobs, like every service."""
