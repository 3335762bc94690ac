"""A class of data, as its owner sees it: counted without being touched, removed in steps that can be resumed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from clawback_common.errors import Poison
from clawback_common.postgres import Transaction
from clawback_contracts.sweep.v1 import Action, Archive, SweepRequested

Keep = Callable[[Transaction, Mapping[str, Any]], Awaitable[None]]
AGE_MIN = timedelta(days=30)
"""A request that would remove younger records is a mistake, or not retention's."""
COUNTS = ("found", "removed", "held", "kept")


@dataclass(frozen=True, slots=True)
class SweepCounts:
    """What a sweep found, or would find, in records."""

    found: int
    """Older than the limit."""
    removed: int
    """Of these, gone; when counted only: that would go."""
    held: int = 0
    """Spared for a hold."""
    kept: int = 0
    """Rows that outlive it by rule, without content."""
    archives: tuple[Archive, ...] = ()


class Progress:
    """How far a sweep is: counts and notes, kept in the transaction of the slice that they tell of."""

    def __init__(self, kept: Mapping[str, Any] | None = None, keep: Keep | None = None) -> None:
        """Starts from what was kept.

        Args:
            kept: what was noted before.
            keep: stores it; None: it is remembered by this object alone, as in a test of one class.
        """
        self._notes: dict[str, Any] = dict(kept or {})
        self._keep = keep
        self._open: tuple[Transaction, dict[str, Any]] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        """A note, as it was last committed."""
        return self._notes.get(name, default)

    def count(self, name: str) -> int:
        """So many until now; 0 for a name never added to."""
        return int(self._notes.get(name, 0))

    async def note(self, tx: Transaction, notes: Mapping[str, Any] | None = None, **added: int) -> None:
        """Adds to counts (``found``, ``removed``, ``held``, ``kept``, or names of one's own) and sets notes.

        They hold when the transaction commits. Notes are JSON.

        Raises:
            Conflict: it was asked anew meanwhile, with other holds perhaps, or another worker has it: begin again.
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

    def tally(self, archives: Sequence[Archive] = ()) -> SweepCounts:
        """The counts so far."""
        found, removed, held, kept = (self.count(name) for name in COUNTS)
        return SweepCounts(found, removed, held, kept, tuple(archives))


class DataClass(Protocol):
    """One class of data that a service owns."""

    @property
    def name(self) -> str:
        """As policies call it: ``alerts``."""

    @property
    def tables(self) -> tuple[str, ...]:
        """For vacuum, analyze and reindex; partitions are found by their parent."""

    @property
    def action(self) -> Action:
        """The only one by which its records are removed."""

    @property
    def age_min(self) -> timedelta:
        """Younger records are never removed, whoever asks; ``SWEEP_AGE_MIN_D`` sets another."""

    async def count(self, request: SweepRequested) -> SweepCounts:
        """What `remove` would do. Touches nothing."""

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Removes what is older than ``request.before`` and not held, in slices; goes on from ``progress``.

        Safe to repeat, also from the beginning.

        Raises:
            Poison: this class is not swept in this way; nothing was touched.
            Transient: something does not answer; it is tried again.
        """


def require_action(request: SweepRequested, action: Action) -> None:
    """Refuses a request to remove by another action than this one.

    Raises:
        Poison: ``action_refused``.
    """
    if request.action is not action:
        raise Poison(
            "action_refused", f"{request.data_class} goes by {action.value}, not by {request.action.value}"
        )
