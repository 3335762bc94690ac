"""Migrations: numbered SQL files, each run once, in its own transaction, under an advisory lock.

``NNNN_name.pre.sql`` runs before the new code starts and must be compatible with the old code. ``NNNN_name.post.sql``
runs when no old process is left. A component is a folder with such files: the common tables are one component, the
tables of a service another.

A migration waits only seconds for a lock, so that the sessions queued behind it can continue, and then tries again. A
file whose first line is ``-- concurrently`` runs outside a transaction, statement by statement, for indexes of large
tables.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

import asyncpg

from clawback_common.errors import Stop, Transient
from clawback_common.postgres.pool import Database, Querier
from clawback_common.retry import Retry, retrying

Phase = Literal["pre", "post"]
_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.(pre|post)\.sql$")
_END = re.compile(r";[ \t]*$", re.MULTILINE)
_LOCK = 0x636C6177
_S_MAX = 6 * 3600.0
"""Time limit for a migration and for the wait for another runner; the pool's shorter limit is for queries."""
_LOCK_S_MAX = 4
"""A longer wait would be noticeable to the readers and writers that queue behind it."""
_LOCKING = Retry(attempts=60, first_delay_ms=1_000, factor=1.5, delay_ms_max=15_000)
"""About a quarter of an hour: a dump of the database may hold its locks for long."""
_CONCURRENTLY = "-- concurrently\n"
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    component text NOT NULL,
    file      text NOT NULL,
    sha256    text NOT NULL,
    run_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (component, file)
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration file."""

    component: str
    file: str
    phase: Phase
    sql: str

    @property
    def concurrently(self) -> bool:
        """Whether it runs outside a transaction; each statement must then be safe to repeat."""
        return self.sql.startswith(_CONCURRENTLY)

    @property
    def sha256(self) -> str:
        """The hash of its text: a file that has run must not be edited."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load(component: str, package: str) -> list[Migration]:
    """Return the migrations in a package's folder, in order."""
    found = []
    for entry in files(package).iterdir():
        match = _FILE.match(entry.name)
        if match:
            phase: Phase = "pre" if match[3] == "pre" else "post"
            found.append(Migration(component, entry.name, phase, entry.read_text(encoding="utf-8")))
    if not found:
        raise ValueError(f"{package} has no migrations")
    return sorted(found, key=lambda migration: migration.file)


COMMON_PACKAGE = "clawback_common.postgres.migrations"


def of_service(name: str) -> list[Migration]:
    """Return the common migrations, and those of the service in its package ``storage.migrations``."""
    return [*load("common", COMMON_PACKAGE), *load(name, f"{name}.storage.migrations")]


async def pending(db: Querier, migrations: Sequence[Migration]) -> list[Migration]:
    """Return the migrations that have not run; raise ``Stop`` for one that was edited after it had run."""
    if await db.fetchval("SELECT to_regclass('schema_migration')") is None:
        return list(migrations)
    rows = await db.fetch("SELECT component, file, sha256 FROM schema_migration")
    done = {(row["component"], row["file"]): row["sha256"] for row in rows}
    for migration in migrations:
        seen = done.get((migration.component, migration.file))
        if seen is not None and seen != migration.sha256:
            raise Stop(
                f"migration {migration.component}/{migration.file} was edited after it had run: "
                "restore the file and put the change into a new migration"
            )
    return [m for m in migrations if (m.component, m.file) not in done]


async def migrate(db: Database, migrations: Sequence[Migration], phases: Sequence[Phase]) -> list[str]:
    """Run the pending migrations of these phases and return their names. Concurrent callers run one after the other."""
    ran = []
    async with db.session() as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK, timeout=_S_MAX)
        try:
            await connection.execute(_TABLE)
            for migration in await pending(connection, migrations):
                if migration.phase in phases:
                    await _run(connection, migration)
                    ran.append(f"{migration.component}/{migration.file}")
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return ran


async def _run(connection: Any, migration: Migration) -> None:
    if migration.concurrently:
        for statement in _statements(migration.sql):
            await connection.execute(statement, timeout=_S_MAX)
        await _note(connection, migration)
    else:
        await retrying(_LOCKING, lambda: _run_locking(connection, migration))


async def _run_locking(connection: Any, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_S_MAX}s'")
            await connection.execute(migration.sql, timeout=_S_MAX)
            await _note(connection, migration)
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        raise Transient(f"migration {migration.component}/{migration.file} waits for a lock") from None


async def _note(connection: Any, migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migration (component, file, sha256) VALUES ($1, $2, $3)",
        migration.component,
        migration.file,
        migration.sha256,
    )


def _statements(sql: str) -> list[str]:
    """Split the file into statements, each ending with a semicolon at the end of a line."""
    return [statement for part in _END.split(sql) if (statement := part.strip())]


async def require_migrated(db: Database, migrations: Sequence[Migration]) -> None:
    """Refuse a database with pending migrations.

    Raises:
        Stop: contains the pending migrations and the command that runs them.
    """
    behind = [m for m in await pending(db, migrations) if m.phase == "pre"]
    if behind:
        names = ", ".join(f"{m.component}/{m.file}" for m in behind)
        raise Stop(f"pending migrations ({names}): run the role `migrate` of the service first")
