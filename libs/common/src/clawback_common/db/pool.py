"""The pool, and the transaction.

Errors of the driver are renamed here by what to do next, and lose their text, which can quote a row:
a lost or refused connection, a full disk, a deadlock, a serialization failure are ``Transient``; a value that
PostgreSQL cannot hold is ``Poison``.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeAlias

import asyncpg

from clawback_common.errors import Poison, Transient

Row: TypeAlias = asyncpg.Record

COMMAND_S_MAX = 60.0
"""No query of ours takes longer; one that does waits for somebody."""

_TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    OSError,
    TimeoutError,
)


@contextmanager
def _renamed() -> Iterator[None]:
    try:
        yield
    except _TRANSIENT as error:
        raise Transient(f"the database does not answer ({type(error).__name__})") from None
    except asyncpg.DataError as error:
        raise Poison("database_refused_value", type(error).__name__) from None


class Querier(Protocol):
    """Who can be asked: the database, or a transaction."""

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows."""
        ...

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """The first row."""
        ...

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row."""
        ...

    async def execute(self, sql: str, *args: object) -> str:
        """The command's tag."""
        ...


class Transaction:
    """One transaction; what must happen only if it commits is handed to ``on_commit``."""

    __slots__ = ("_after", "_connection")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._after: list[Callable[[], None]] = []

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows."""
        rows: list[Row] = await self._connection.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """The first row."""
        row: Row | None = await self._connection.fetchrow(sql, *args)
        return row

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row."""
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """The command's tag."""
        tag: str = await self._connection.execute(sql, *args)
        return tag

    async def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """COPY rows into a table."""
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Called once, in order, after the commit and never after a rollback."""
        if callback not in self._after:
            self._after.append(callback)

    def committed(self) -> None:
        """For the database alone."""
        for callback in self._after:
            callback()


async def _keep_session(_: object) -> None:
    """No session state is ever changed, so a released connection needs no round trip to be reset."""


class Database:
    """A service's own database."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, *, connections_max: int = 10, name: str = ""
    ) -> AsyncIterator["Database"]:
        """Opens the pool without connecting yet: a database that is down makes a process unready, not dead.

        Args:
            url: ``postgresql://user:password@host:port/database``.
            connections_max: upper bound of the pool.
            name: the ``application_name`` under which an operator sees us.
        """
        pool: Any = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=connections_max,
            command_timeout=COMMAND_S_MAX,
            timeout=10,
            max_inactive_connection_lifetime=300,
            reset=_keep_session,
            server_settings={"application_name": name or "clawback", "timezone": "UTC", "jit": "off"},
        )
        await pool
        try:
            yield cls(pool)
        finally:
            pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Commits on leaving, rolls back on an error; then runs what waited for the commit."""
        with _renamed():
            async with self.pool.acquire() as connection:
                transaction = Transaction(connection)
                async with connection.transaction():
                    yield transaction
        transaction.committed()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """A driver's connection of one's own, for what outlives a transaction, such as an advisory lock."""
        with _renamed():
            async with self.pool.acquire() as connection:
                yield connection

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """All rows."""
        with _renamed():
            rows: list[Row] = await self.pool.fetch(sql, *args)
            return rows

    async def fetchrow(self, sql: str, *args: object) -> Row | None:
        """The first row."""
        with _renamed():
            row: Row | None = await self.pool.fetchrow(sql, *args)
            return row

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first column of the first row."""
        with _renamed():
            return await self.pool.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """The command's tag."""
        with _renamed():
            tag: str = await self.pool.execute(sql, *args)
            return tag
