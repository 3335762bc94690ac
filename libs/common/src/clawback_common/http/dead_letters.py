"""What the dead letter paths need of a quarantine; apart from the router, so that workers can import it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Which records: those that fit all that is given.

    `ids` are quarantine ids, `type` the event's, `older_than_s` counts from setting aside; `resolved`
    includes those that were dealt with.
    """

    ids: tuple[UUID, ...] | None = None
    type: str | None = None
    reason: str | None = None
    older_than_s: float | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """Records without their bytes, newest first, and where the next page begins."""

    items: Sequence[Mapping[str, Any]]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Retried:
    """How many went through the same guard as everything, and how many failed again."""

    retried: int
    failed: int


class DeadLetters(Protocol):
    """Records set aside, and another try."""

    async def list(self, which: DeadLetterFilter, limit: int, cursor: str | None) -> DeadLetterPage:
        """One page; a cursor that is not ours raises `Poison`."""
        ...

    async def retry(self, which: DeadLetterFilter) -> Retried:
        """Handle them again, now."""
        ...
