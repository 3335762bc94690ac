"""What every part of the story needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from clawback_common.clock import Clock
from clawback_common.db import Database
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.watching.announcer import Announcer
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
    announcer: Announcer = field(init=False)

    def __post_init__(self) -> None:
        """What is said belongs to the database."""
        object.__setattr__(self, "announcer", Announcer(GROUP, self.db, self.clock, self.outbox))
