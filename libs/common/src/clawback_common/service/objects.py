"""The objects that every service has besides its own."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from clawback_common.clock import Clock
from clawback_common.config.settings import ServiceSettings
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database
from clawback_common.retention import Sweeper

S = TypeVar("S", bound=ServiceSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceObjects(Generic[S]):
    """The objects that the common code needs of a service."""

    settings: S
    db: Database
    clock: Clock
    outbox: PriorityOutbox
    """The outbox of messages that must not wait."""
    sweeper: Sweeper
    """Answers requests to sweep."""
