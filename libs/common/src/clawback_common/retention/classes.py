"""A class of data from its owner's view: can be counted without changes, and removed in resumable steps."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from clawback_common.errors import Poison
from clawback_common.postgres import Transaction
from clawback_contracts.sweep.v1 import Action, Archive, SweepRequested

Keep = Callable[[Transaction, Mapping[str, Any]], Awaitable[None]]
AGE_MIN = timedelta(days=30)
"""Default minimum age. A request to remove younger records is a mistake, or was not sent by retention."""
COUNTS = ("found", "removed", "held", "kept")


class SweepCounts(NamedTuple):
    """What a sweep found, or would find; numbers of records."""

    found: int
    """Older than the limit."""
    removed: int
    """Of these, removed; in a count, those that would be removed."""
    held: int = 0
    """Kept because of a hold."""
    kept: int = 0
    """Rows that the rules keep, without content."""
    archives: tuple[Archive, ...] = ()


class Progress:
    """The progress of a sweep: counts and notes, stored in the transaction of the slice that they describe."""

    def __init__(self, kept: Mapping[str, Any] | None = None, keep: Keep | None = None) -> None:
        """Start from the stored progress.

        Args:
            kept: the progress stored so far.
            keep: stores it; None: only this object has it, as in a test of one class.
        """
        self._notes: dict[str, Any] = dict(kept or {})
        self._keep = keep
        self._open: tuple[Transaction, dict[str, Any]] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """Return a note, as last committed."""
        return self._notes.get(name, default)

    def count(self, name: str) -> int:
        """Return the count so far; 0 for a name that was never added to."""
        return int(self._notes.get(name, 0))

    async def note(self, tx: Transaction, notes: Mapping[str, Any] | None = None, **added: int) -> None:
        """Add to counts (``found``, ``removed``, ``held``, ``kept``, or other names) and set notes.

        They take effect when the transaction commits. Notes are JSON.

        Raises:
            Conflict: the sweep was requested again meanwhile, perhaps with other holds, or another worker has it.
        """
        now = self._open[1] if self._open and self._open[0] is tx else dict(self._notes)
        now.update(notes or {})
        for name, amount in added.items():
            now[name] = int(now.get(name, 0)) + amount
        if self._keep is not None:
            await self._keep(tx, now)
        self._open = tx, now
        tx.on_commit(self._committed)

    def _committed(self) -> None:
        if self._open is not None:
            self._notes, self._open = self._open[1], None

    def counts(self, archives: Sequence[Archive] = ()) -> SweepCounts:
        """Return the counts so far."""
        found, removed, held, kept = (self.count(name) for name in COUNTS)
        return SweepCounts(found, removed, held, kept, tuple(archives))


class DataClass(Protocol):
    """One class of data that a service owns."""

    @property
    def name(self) -> str:
        """Its name in policies: ``alerts``."""

    @property
    def tables(self) -> tuple[str, ...]:
        """Its tables, for vacuum, analyze and reindex; partitions are found by their parent."""

    @property
    def action(self) -> Action:
        """The only action that removes its records."""

    @property
    def age_min(self) -> timedelta:
        """Younger records are never removed, whoever requests it; ``SWEEP_AGE_MIN_D`` overrides it."""

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Count what `remove` would do, without changes."""

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Remove what is older than ``request.before`` and not held, in slices; continue from ``progress``.

        Safe to repeat, also from the beginning.

        Raises:
            Poison: this class cannot be removed in this way; nothing was changed.
            Transient: a dependency does not respond; the sweep is tried again.
        """


def require_action(request: SweepRequested, action: Action) -> None:
    """Refuse a request to remove data by another action than this one.

    Raises:
        Poison: ``action_refused``.
    """
    if request.action is not action:
        raise Poison(
            "action_refused",
            f"{request.data_class} is removed by {action.value}, not by {request.action.value}",
        )
