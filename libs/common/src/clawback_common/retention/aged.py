"""A class of data in a single table, whose old rows are deleted in slices."""

from dataclasses import dataclass
from datetime import timedelta

from clawback_common.postgres import Database, Transaction
from clawback_common.retention.classes import AGE_MIN, Progress, SweepCounts, require_action
from clawback_common.retention.holds import SweepLimit
from clawback_contracts.sweep.v1 import Action, SweepRequested

SLICE = 1_000
"""Rows per transaction: a tenth of a second, so that other transactions hardly wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgedTableClass:
    """A class of data in one table. The names are constants of the code and are inserted into the SQL unchanged."""

    db: Database
    name: str
    table: str
    key: str
    """The primary key column."""
    dated_by: str
    """The column with the age of a row; a row without a date is kept."""
    only: str = "true"
    """An SQL condition on the rows that may be deleted at all: ``resolved_at IS NOT NULL``."""
    held_by: str | None = None
    """The column with the id that a hold may name; None: holds apply to these rows by date only."""
    action: Action = Action.DELETE
    age_min: timedelta = AGE_MIN

    @property
    def tables(self) -> tuple[str, ...]:
        """The table."""
        return (self.table,)

    async def count(self, request: SweepRequested) -> SweepCounts:
        """Count the old rows, and how many of them are held."""
        row = await self.db.fetchrow(self._count_sql, *SweepLimit.of(request).parameters)
        found, held = (row["found"], row["held"]) if row else (0, 0)
        return SweepCounts(found, found - held, held)

    async def remove(self, request: SweepRequested, progress: Progress) -> SweepCounts:
        """Delete the rows, slice by slice."""
        require_action(request, self.action)
        while await self._slice(request, progress):
            pass
        left = await self.count(request)
        return SweepCounts(progress.count("removed") + left.held, progress.count("removed"), left.held)

    async def _slice(self, request: SweepRequested, progress: Progress) -> int:
        async with self.db.transaction() as tx:
            removed = await self._remove_some(tx, request)
            await progress.note(tx, removed=removed)
        return removed

    async def _remove_some(self, tx: Transaction, request: SweepRequested) -> int:
        return int(
            (await tx.execute(self._remove_sql, *SweepLimit.of(request).parameters, SLICE)).split()[-1]
        )

    @property
    def _held_sql(self) -> str:
        return f"is_held({self.held_by or 'NULL'}, {self.dated_by}, $2, $3)"

    @property
    def _count_sql(self) -> str:
        return (
            f"SELECT count(*) AS found, count(*) FILTER (WHERE {self._held_sql}) AS held "  # noqa: S608 - our names
            f"FROM {self.table} WHERE {self.dated_by} < $1 AND ({self.only})"
        )

    @property
    def _remove_sql(self) -> str:
        return (
            f"DELETE FROM {self.table} WHERE {self.key} IN (SELECT {self.key} FROM {self.table} "  # noqa: S608
            f"WHERE {self.dated_by} < $1 AND ({self.only}) AND NOT {self._held_sql} "
            f"ORDER BY {self.key} LIMIT $4 FOR UPDATE)"
        )
