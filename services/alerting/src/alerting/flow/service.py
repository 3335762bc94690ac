"""What every part of the story needs."""

from collections.abc import Callable
from dataclasses import dataclass

from alerting.domain.routing import Book
from alerting.settings import Settings
from clawback_common.clock import Clock
from clawback_common.db import Database
from clawback_common.outbox.orders import OrdersOutbox

GROUP = "alerting"


def _nobody() -> None:
    """An API process sends nothing; the worker finds it by itself."""


@dataclass(frozen=True, slots=True)
class Service:
    """What every part of the story needs."""

    settings: Settings
    db: Database
    outbox: OrdersOutbox
    clock: Clock
    book: Book
    """Who is told what, as the routes file says."""
    wake: Callable[[], None] = _nobody
    """Called after a commit that leaves something to send."""
