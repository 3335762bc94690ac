"""Leases: work that only one process may do at a time, with takeover when that process freezes or its node is lost.

A lease is a row with a holder, an expiry time by the database's clock, and a token that grows with each holder. The
holder renews it at a third of its duration. If the holder is frozen or its node is lost, the lease expires and another
process acquires it. A former holder that resumes cannot change anything: each of its transactions checks the token
under a row lock (fencing token) and fails.

    async with leases.held(db, "sweeps") as lease:
        if lease is not None:
            with lease.fence():
                ...  # every transaction in here, whoever makes it, checks the token
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from clawback_common.errors import ClawbackError, Conflict
from clawback_common.postgres import Database, Queries, Transaction
from clawback_common.postgres.pool import FENCE
from clawback_common.service.process import ShutdownEvent
from clawback_common.telemetry import gauge

SQL = Queries.load(__package__, "leases")
LEASE_S = 15.0
"""Time after the last renewal at which another process takes over."""
RENEWALS = 3
"""Renewals within the duration of a lease: two may fail."""
LOOK_S = 1.0
"""Interval at which a waiting process checks whether a lease is free."""

_HELD = gauge("lease_held_state", "1 while this process holds the lease.", ("lease",))
_log = structlog.stdlib.get_logger(__name__)


class LeaseLost(Conflict):
    """Another process holds the lease, or may hold it: stop this work, and acquire the lease again."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the lease {name} was lost to another process")


class Lease:
    """A lease that this process holds, or held until another process acquired it."""

    def __init__(
        self, db: Database, session: Any, name: str, token: int, holder: UUID, duration_s: float
    ) -> None:
        """Create it; called by `held` only."""
        self.name = name
        self.token = token
        self.lost = asyncio.Event()
        self._db = db
        self._session = session
        self._holder = holder
        self._duration_s = duration_s
        self._ends_at = time.monotonic() + duration_s

    def require(self) -> None:
        """Check the lease before work that a transaction cannot fence, such as sending.

        Raises:
            LeaseLost: it is lost, its session has ended, or it was not renewed in time.
        """
        if self.lost.is_set() or self._ended or time.monotonic() > self._ends_at:
            raise LeaseLost(self.name)

    async def check(self, tx: Transaction) -> None:
        """Check the lease in a transaction; no other process can acquire it before the transaction ends.

        Raises:
            LeaseLost: another process has acquired it.
        """
        if await tx.fetchval(SQL["check"], self.name, self.token, self._holder) is None:
            self.lost.set()
            raise LeaseLost(self.name)

    @contextmanager
    def fence(self) -> Iterator[None]:
        """Check the lease in every transaction and statement of this block, and of tasks started in it."""
        outer = FENCE.get()

        async def check(tx: Transaction) -> None:
            if outer is not None:
                await outer(tx)
            await self.check(tx)

        mark = FENCE.set(check)
        try:
            yield
        finally:
            FENCE.reset(mark)

    async def change(self, sql: str, *args: object) -> None:
        """Run one statement that changes rows only while this process holds the lease.

        Args:
            sql: the statement; name, token and holder of the lease are its last parameters.
            args: its other parameters.

        Raises:
            LeaseLost: it changed no row.
        """
        tag = await self._db.execute(sql, *args, self.name, self.token, self._holder)
        if tag.endswith(" 0"):
            self.lost.set()
            raise LeaseLost(self.name)

    @property
    def _ended(self) -> bool:
        try:
            return bool(self._session.is_closed())
        except asyncpg.InterfaceError:  # the pool has taken it back after the connection was lost
            return True

    async def keep(self) -> None:
        """Renew the lease until it is lost or its session ends."""
        pause_s = self._duration_s / RENEWALS
        while not self.lost.is_set():
            await asyncio.sleep(pause_s)
            began = time.monotonic()
            with suppress(Exception):  # the next renewal may succeed; without one the lease expires
                renewed = await self._session.fetchval(
                    SQL["renew"],
                    self.name,
                    self.token,
                    self._holder,
                    timedelta(seconds=self._duration_s),
                    timeout=pause_s,
                )
                if renewed is None:
                    self.lost.set()
                self._ends_at = began + self._duration_s
            if self._ended:
                self.lost.set()

    async def release(self) -> None:
        """Release the lease, so that another process can acquire it at once."""
        if self._ended:
            return
        with suppress(Exception):  # the lease expires, or ends with the session
            await self._session.execute(SQL["release"], self.name, self.token, self._holder, timeout=5)
            await self._session.execute(SQL["unlock_session"], self.name, self.token, timeout=5)


@asynccontextmanager
async def held(
    db: Database, name: str, *, duration_s: float | None = None, patient: bool = False
) -> AsyncIterator[Lease | None]:
    """Hold the lease during the block; yield None when another process holds it.

    Args:
        db: the service's own.
        name: one lease per name and database.
        duration_s: it expires this long after the last renewal; `LEASE_S` when None.
        patient: wait while the holder does not renew, so that the lease of a dead process is taken over.

    Raises:
        Transient: the database does not respond.
    """
    seconds = LEASE_S if duration_s is None else duration_s
    lease = None
    async with db.session() as session:
        lease = await _acquire(db, session, name, seconds, patient=patient)
        if lease is None:
            yield None
            return
        renewing = asyncio.create_task(lease.keep(), name=f"lease {name}")
        _HELD.labels(name).set(1)
        try:
            yield lease
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            _HELD.labels(name).set(0)
            await lease.release()


@asynccontextmanager
async def alone(db: Database, name: str, *, patient: bool = False) -> AsyncIterator[bool]:
    """Yield True in the only process that may do the work now; every change in the block is fenced.

    Raises:
        LeaseLost: in the block, when another process has taken over.
    """
    async with held(db, name, patient=patient) as lease:
        if lease is None:
            yield False
            return
        with lease.fence():
            yield True


class Leadership:
    """Leadership of one process of a service until it ends, so that time-based decisions use one clock."""

    def __init__(self, db: Database, name: str = "leader") -> None:
        self._db = db
        self._name = name
        self._lease: Lease | None = None
        self._tried = asyncio.Event()

    @property
    def lease(self) -> Lease | None:
        """The lease, while this process is the leader."""
        return self._lease if self._lease is not None and not self._lease.lost.is_set() else None

    async def led(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run the work, fenced by the lease, if this process is the leader."""
        await self._tried.wait()
        if self.lease is not None:
            with self.lease.fence():
                try:
                    await work()
                except LeaseLost as error:
                    _log.warning("lost the leadership to another process", error=error)

    async def run(self, stop: ShutdownEvent) -> None:
        """Lead, or wait until the lease is free."""
        while not stop.is_set():
            try:
                async with held(self._db, self._name) as lease:
                    self._lease = lease
                    self._tried.set()
                    if lease is not None:
                        await _either(stop, lease)
            except ClawbackError as error:
                _log.warning("waiting for the leadership", error=error)
            finally:
                self._lease = None
            await stop.sleep(LOOK_S)
        self._tried.set()


async def _either(stop: ShutdownEvent, lease: Lease) -> None:
    waiting = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(lease.lost.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()


async def _acquire(
    db: Database, session: Any, name: str, duration_s: float, *, patient: bool
) -> Lease | None:
    until = await session.fetchval(SQL["until"], name) if patient else None
    while True:
        lease = await _try(db, session, name, duration_s)
        if lease is not None or not patient or await _renewed(session, name, until):
            return lease
        await asyncio.sleep(min(LOOK_S, duration_s / RENEWALS))


async def _renewed(session: Any, name: str, before: datetime | None) -> bool:
    until = await session.fetchval(SQL["until"], name)
    return until is not None and (before is None or until > before)


async def _try(db: Database, session: Any, name: str, duration_s: float) -> Lease | None:
    holder, duration = uuid4(), timedelta(seconds=duration_s)
    async with session.transaction():
        token = await session.fetchval(SQL["acquire"], name, holder, duration)
        if token is None:
            token = await session.fetchval(SQL["create"], name, holder, duration)
        if token is None:
            return None
        # Before the commit, because from then on other processes check this lock.
        await session.execute(SQL["lock_session"], name, token)
    return Lease(db, session, name, token, holder, duration_s)
