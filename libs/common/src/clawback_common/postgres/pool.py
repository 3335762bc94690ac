"""The connection pool, and transactions.

Errors of the driver are translated into our errors, without their text, which may quote a row. The class of the
SQLSTATE decides: a lost or refused connection, a full disk, a deadlock or a serialization failure is ``Transient``; an
invalid statement is a ``Defect``; a value that PostgreSQL cannot store is ``Poison``. Any other error is raised
unchanged.

A peer that disappears without closing the connection is detected within 30 seconds on either side: the server releases
the locks of the session, and the client connects again.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias

import asyncpg

from clawback_common.errors import ClawbackError, Defect, Poison, Transient

Row: TypeAlias = asyncpg.Record

COMMAND_S_MAX = 60.0
"""No query of ours takes longer; one that does is waiting for a lock."""

ACQUIRE_S_MAX = 20.0
"""Limit for acquiring a connection. When it is reached, the holders of all connections probably wait for locks."""

IDLE_IN_TRANSACTION_S_MAX = 20
"""A frozen process holds row locks or a lease no longer than this."""
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 10, 5, 3
UNACKNOWLEDGED_MS_MAX = 30_000
_SERVER_SETTINGS = {
    "timezone": "UTC",
    "jit": "off",
    "tcp_keepalives_idle": str(KEEPALIVE_IDLE_S),
    "tcp_keepalives_interval": str(KEEPALIVE_INTERVAL_S),
    "tcp_keepalives_count": str(KEEPALIVE_COUNT),
    "tcp_user_timeout": str(UNACKNOWLEDGED_MS_MAX),
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_S_MAX}s",
}
_SOCKET_OPTIONS = (
    ("SO_KEEPALIVE", socket.SOL_SOCKET, 1),
    ("TCP_KEEPIDLE", socket.IPPROTO_TCP, KEEPALIVE_IDLE_S),
    ("TCP_KEEPINTVL", socket.IPPROTO_TCP, KEEPALIVE_INTERVAL_S),
    ("TCP_KEEPCNT", socket.IPPROTO_TCP, KEEPALIVE_COUNT),
    ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP, UNACKNOWLEDGED_MS_MAX),
)

_UNAVAILABLE = frozenset({"08", "28", "3D", "40", "53", "55", "57", "58"})
"""Connection, login, missing database, rollback, resources, object state, operator intervention, system error."""
_TIMED_OUT = frozenset({"25P03", "25P04"})
"""In class 25, the errors of a frozen process when it resumes: the server has ended its transaction."""
_DEFECTIVE = frozenset({"25", "42"})
"""Transaction state; syntax, unknown names and missing privileges."""
_REFUSED = frozenset({"22", "23", "54"})
"""Data, integrity constraints, program limits."""


@contextmanager
def _renamed() -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        renamed = _by_sqlstate(error)
        if renamed is None:
            raise
        raise renamed from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        raise Transient(f"the database does not respond ({type(error).__name__})") from None


def _by_sqlstate(error: asyncpg.PostgresError) -> ClawbackError | None:
    sqlstate, name = error.sqlstate or "", type(error).__name__
    match sqlstate[:2]:
        case found if found in _UNAVAILABLE or sqlstate in _TIMED_OUT:
            return Transient(f"the database does not respond ({name})")
        case found if found in _DEFECTIVE:
            return Defect(f"the database rejected the statement ({name}, SQLSTATE {sqlstate})")
        case found if found in _REFUSED:
            return Poison("database_refused_value", name, sqlstate)
        case _:
            return None


class Querier(Protocol):
    """Runs statements: the database, or a transaction."""

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Return all rows."""
        ...

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """Return the first row."""
        ...

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first column of the first row."""
        ...

    async def execute(self, sql: str, *args: object) -> str:
        """Run the statement and return its command tag."""
        ...


class Transaction:
    """One transaction, with callbacks that run only after a commit."""

    __slots__ = ("_after", "_connection")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._after: list[Callable[[], None]] = []

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Return all rows."""
        rows: list[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """Return the first row."""
        row: Row | None = await self._connection.fetchrow(sql, *args)
        return row

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first column of the first row."""
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run the statement and return its command tag."""
        tag: str = await self._connection.execute(sql, *args)
        return tag

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Insert rows into a table with COPY."""
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call this once after the commit, in order of registration, and never after a rollback."""
        if callback not in self._after:
            self._after.append(callback)

    def committed(self) -> None:
        """Run the callbacks; called by `Database` only."""
        for callback in self._after:
            callback()


Fence: TypeAlias = Callable[[Transaction], Awaitable[None]]
FENCE: ContextVar[Fence | None] = ContextVar("FENCE", default=None)
"""Checked first in every transaction of the block that set it; raises when the block may no longer write."""


async def _keep_session(_: object) -> None:
    """Skip the session reset of a released connection, because no session state is ever changed."""


class _Connection(asyncpg.Connection):
    """Detects a server that disappears without closing the connection."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *args: Any, **kwargs: Any) -> None:
        super().__init__(protocol, transport, *args, **kwargs)
        connected = transport.get_extra_info("socket")
        if connected is not None and connected.family != socket.AF_UNIX:
            for name, level, value in _SOCKET_OPTIONS:
                if hasattr(socket, name):
                    with suppress(OSError):  # a system may define the option and refuse it
                        connected.setsockopt(level, getattr(socket, name), value)


class Database:
    """A service's own database."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, connections_max: int = 10, name: str = ""
    ) -> AsyncIterator["Database"]:
        """Open the pool without connecting: a database that is down makes a process unready, but does not stop it.

        Args:
            url: ``postgresql://user:password@host:port/database``.
            connections_max: upper bound of the pool.
            name: the ``application_name`` that operators see.
        """
        pool: Any = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=connections_max,
            command_timeout=COMMAND_S_MAX,
            timeout=10,
            max_inactive_connection_lifetime=300,
            reset=_keep_session,
            connection_class=_Connection,
            server_settings={"application_name": name or "clawback", **_SERVER_SETTINGS},
        )
        await pool
        try:
            yield cls(pool)
        finally:
            pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commit at the end of the block, or roll back on an error; then run the callbacks of the commit."""
        fence = FENCE.get()
        with _renamed():
            async with self._acquired() as connection:
                transaction = Transaction(connection)
                async with connection.transaction():
                    if fence is not None:
                        await fence(transaction)
                    yield transaction
        transaction.committed()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """Acquire a connection of the driver, for work that outlives a transaction or cannot run in one.

        The fence is checked only once, before the block, so the work must be safe to repeat.
        """
        if FENCE.get() is not None:
            async with self.transaction():
                pass
        with _renamed():
            async with self._acquired() as connection:
                yield connection

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Return all rows."""
        async with self._statement_connection() as connection:
            rows: list[Row] = await connection.fetch(sql, *args)
            return rows

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """Return the first row."""
        async with self._statement_connection() as connection:
            row: Row | None = await connection.fetchrow(sql, *args)
            return row

    async def fetchval(self, sql: str, *args: object) -> Any:
        """Return the first column of the first row."""
        async with self._statement_connection() as connection:
            return await connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """Run the statement and return its command tag."""
        async with self._statement_connection() as connection:
            tag: str = await connection.execute(sql, *args)
            return tag

    @asynccontextmanager
    async def _statement_connection(self) -> AsyncIterator[Any]:
        """Acquire a connection for one statement, in autocommit mode, or under a fence in a checked transaction."""
        if FENCE.get() is not None:
            async with self.transaction() as tx:
                yield tx
        else:
            with _renamed():
                async with self._acquired() as connection:
                    yield connection

    def _acquired(self) -> Any:
        return self.pool.acquire(timeout=ACQUIRE_S_MAX)
