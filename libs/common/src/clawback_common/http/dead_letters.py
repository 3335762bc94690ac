"""Types of the dead-letter endpoints; separate from the router, so that workers can import them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects records that match every given criterion.

    `ids` are quarantine ids, `type` is the event type, `older_than_s` is measured from the quarantine time; `resolved`
    includes resolved records.
    """

    ids: tuple[UUID, ...] | None = None
    type: str | None = None
    reason: str | None = None
    older_than_s: float | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Retried:
    """How many records were reprocessed successfully, and how many failed again."""

    retried: int
    failed: int


class DeadLetters(Protocol):
    """Lists and retries quarantined records."""

    async def list(self, which: DeadLetterFilter, before: tuple[datetime, UUID], limit: int) -> Sequence[Any]:
        """Return some of the records that were quarantined before this time and id, the newest first."""
        ...

    async def retry(self, which: DeadLetterFilter) -> Retried:
        """Process the records again, now."""
        ...
