"""Tables partitioned by month: partitions are created when needed, and dropped when old.

Only large tables are partitioned; rows that must outlive their month are stored elsewhere.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clawback_common.errors import Transient
from clawback_common.postgres import Database, Querier, Queries, Transaction
from clawback_common.retry import Retry, retrying

SQL = Queries.load(__package__, "partitions")
LOCK_MS_MAX = 500
"""Queries queue behind our pending ACCESS EXCLUSIVE lock, so we use a short lock_timeout and retry."""
LOCKING = Retry(attempts=20, first_delay_ms=200, factor=1.5, delay_ms_max=5_000)
WRITERS_S_MAX = 60.0
_STATEMENT_S_MAX = 600.0
_MONTH = re.compile(r"_(\d{4})_(\d{2})$")


@dataclass(frozen=True, slots=True)
class Month:
    """A partition, or a table that was one."""

    name: str
    start: datetime
    attached: bool
    pending: bool
    """Its detach was started and not finished."""


class MonthPartitions:
    """The monthly partitions of one table; remembers those it has seen."""

    def __init__(
        self,
        db: Database,
        parent: str,
        first: datetime,
        oldest: Callable[[], Awaitable[datetime | None]] | None = None,
    ) -> None:
        """Set the table and its bounds.

        Args:
            db: the service's own.
            parent: the partitioned table; its partitions are named ``<parent>_2026_11``.
            first: earlier months have no partition of their own; their rows are in one that the service creates.
            oldest: rows dated earlier are refused anyway, so their month is not created again. None: no such limit.
        """
        self._db = db
        self._parent = parent
        self._first = first
        self._oldest = oldest
        self._there: set[str] = set()

    async def make(self, dates: Iterable[datetime]) -> None:
        """Create the missing partitions for these dates, in UTC. Concurrent calls are safe."""
        one_a_month = {(date.year, date.month): date for date in dates}
        wanted = {month_of(date) for date in one_a_month.values() if date >= self._first}
        missing = [start for start in wanted if self.name_of(start) not in self._there]
        if not missing:
            return
        oldest = await self._oldest() if self._oldest else None
        self._there |= {month.name for month in await self.all() if month.attached}
        for start in sorted(missing):
            if self.name_of(start) not in self._there and (oldest is None or month_after(start) > oldest):
                await self._make(start)
                self._there.add(self.name_of(start))

    async def make_all(self, since: datetime, until: datetime) -> None:
        """Create every month between two instants: other processes may remember partitions that no longer exist."""
        self._there.clear()
        month = month_of(max(since, self._first))
        while month <= until:
            await self.make([month])
            month = month_after(month)

    def name_of(self, start: datetime) -> str:
        """``<parent>_2026_11``."""
        return f"{self._parent}_{start:%Y_%m}"

    async def all(self) -> list[Month]:
        """Return every month that has a table, oldest first."""
        return await self._months(self._db)

    async def _months(self, db: Querier) -> list[Month]:
        rows = await db.fetch(SQL["of_parent"], self._parent)
        dated = ((row, _MONTH.search(row["name"])) for row in rows)
        return [
            Month(
                row["name"], datetime(int(at[1]), int(at[2]), 1, tzinfo=UTC), row["attached"], row["pending"]
            )
            for row, at in dated
            if at
        ]

    async def over(self, limit: datetime) -> list[Month]:
        """Return the months that ended at or before the limit, including those that an interrupted sweep detached."""
        return [month for month in await self.all() if month_after(month.start) <= limit]

    async def drop(self, month: Month) -> None:
        """Detach a month without blocking readers or writers, and drop it; continue an interrupted drop.

        Raises:
            Transient: other sessions held their locks for too long; completed steps stay done.
        """
        await retrying(LOCKING, lambda: self._drop(month.name))
        self._there.discard(month.name)

    async def _drop(self, name: str) -> None:
        async with self._db.session() as connection:
            await connection.execute(f"SET lock_timeout = {LOCK_MS_MAX}")
            try:
                for pending in [
                    one for one in await self._months(connection) if one.pending
                ]:  # at most one exists
                    await self._alter(connection, pending.name, "FINALIZE")
                if any(one.name == name and one.attached for one in await self._months(connection)):
                    await self._alter(connection, name, "CONCURRENTLY")
                await connection.execute(f"DROP TABLE IF EXISTS {name}", timeout=_STATEMENT_S_MAX)
            finally:
                with suppress(Exception):  # a lost connection has no settings to reset
                    await connection.execute("RESET lock_timeout")

    async def _alter(self, connection: Any, name: str, how: str) -> None:
        command = f"ALTER TABLE {self._parent} DETACH PARTITION {name} {how}"
        await connection.execute(command, timeout=_STATEMENT_S_MAX)

    async def _make(self, start: datetime) -> None:
        # Attached instead of created in place: that would take a lock that blocks readers and writers.
        name = self.name_of(start)
        async with self._db.transaction() as tx:
            await tx.execute("SELECT pg_advisory_xact_lock(hashtext($1))", self._parent)
            if await tx.fetchval("SELECT to_regclass($1) IS NULL", name):
                await tx.execute(f"CREATE TABLE {name} (LIKE {self._parent} INCLUDING ALL)")
                await tx.execute(
                    f"ALTER TABLE {self._parent} ATTACH PARTITION {name} "
                    f"FOR VALUES FROM ('{start.isoformat()}') TO ('{month_after(start).isoformat()}')"
                )


async def empty(tx: Transaction, name: str) -> None:
    """Truncate a partition, so that a detached table contains no forgotten rows.

    Raises:
        Transient: another session holds a lock on it; try again.
    """
    await tx.execute(f"SET LOCAL lock_timeout = {LOCK_MS_MAX}")
    await tx.execute(f"TRUNCATE {name}")


async def wait_for_writers(db: Database, table: str, pause_s: float = 0.02) -> None:
    """Wait for all transactions that were writing to a table when this was called.

    A transaction that starts later sees what was committed before the call.

    Raises:
        Transient: one of them takes longer than a minute.
    """
    waiting = await _writers(db, table)
    for _ in range(int(WRITERS_S_MAX / pause_s)):
        if not waiting:
            return
        await asyncio.sleep(pause_s)
        waiting &= await _writers(db, table)
    raise Transient(f"{len(waiting)} transactions have been writing to {table} for a minute")


async def _writers(db: Database, table: str) -> set[str]:
    return {row["writer"] for row in await db.fetch(SQL["writers"], table)}


def month_of(date: datetime) -> datetime:
    """Return the first instant of its month, in UTC."""
    return date.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def month_after(start: datetime) -> datetime:
    """Return the first instant of the next month."""
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
