"""What every part of the story needs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from clawback_common.bus.catchup import CatchUp
from clawback_common.clock import Clock
from clawback_common.db import Database
from clawback_common.outbox.orders import OrdersOutbox
from clawback_common.sweeping import Sweeper
from clawback_common.watching.announcer import Announcer
from compliance.flow.sweeping import Records
from compliance.settings import Settings

GROUP = "compliance"


def _nobody() -> None:
    """An API process looks at nothing; the worker finds it by itself."""


@dataclass(frozen=True, slots=True)
class Service:
    """What every part of the story needs."""

    settings: Settings
    db: Database
    outbox: OrdersOutbox
    clock: Clock
    wake_looking: Callable[[], None] = _nobody
    """Called after a commit that leaves something to look at."""
    own_orders: CatchUp | None = None
    """How far our own topic of orders was read; None: there is no broker, as in a test of the flow alone."""
    sweeper: Sweeper = field(init=False)
    announcer: Announcer = field(init=False)

    def __post_init__(self) -> None:
        """What is swept and what is said belong to the database."""
        records = Records(self.db, self.clock, self.settings.archive_folder)
        ages_min_d = self.settings.sweep_age_min_d
        sweeper = Sweeper(GROUP, self.db, self.clock, self.outbox, (records,), ages_min_d)
        object.__setattr__(self, "sweeper", sweeper)
        object.__setattr__(self, "announcer", Announcer(GROUP, self.db, self.clock, self.outbox))

    async def require_own_orders(self) -> None:
        """Refuses to issue an order before all that we have issued is known again.

        Raises:
            Transient: our own topic is not read to where it ended when this process started.
        """
        if self.own_orders is not None:
            await self.own_orders.check()

    @property
    def request_expiry(self) -> timedelta:
        """How long a request waits for a second person."""
        return timedelta(hours=self.settings.request_expiry_h)

    @property
    def deadline(self) -> timedelta:
        """From the start of the clock to the end of every copy."""
        return timedelta(hours=self.settings.takedown_deadline_h)
