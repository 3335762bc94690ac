"""A new, migrated database for each test: copied from a template, dropped when the next one is created."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from clawback_common.postgres import Database
from clawback_common.postgres.migrate import Migration, migrate


class Databases:
    """Creates databases on one server, from one template per set of migrations."""

    def __init__(self, admin_url: str) -> None:
        self._admin_url = admin_url
        self._session = f"test_{uuid4().hex[:8]}"
        self._templates: dict[str, str] = {}
        self._used: list[str] = []
        self._count = 0

    @asynccontextmanager
    async def fresh(self, migrations: Sequence[Migration]) -> AsyncIterator[str]:
        """Create a database with these migrations for the duration of the block; yield its address."""
        template = await self._template(migrations)
        self._count += 1
        name = f"{self._session}_{self._count}"
        await self._run(*self._drops(), f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.url(name)
        finally:
            self._used.append(name)

    async def close(self) -> None:
        """Drop the remaining databases, and the templates."""
        self._used += self._templates.values()
        self._templates.clear()
        await self._run(*self._drops())

    def _drops(self) -> list[str]:
        """Return the statements that drop the databases of earlier tests."""
        drops = [f"DROP DATABASE {name} WITH (FORCE)" for name in self._used]
        self._used.clear()
        return drops

    def url(self, name: str) -> str:
        """Return the address of a database on this server."""
        return urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{name}"))

    async def _template(self, migrations: Sequence[Migration]) -> str:
        digest = hashlib.sha256("".join(m.sha256 for m in migrations).encode()).hexdigest()[:8]
        if digest not in self._templates:
            name = f"{self._session}_t{digest}"
            await self._run(f"CREATE DATABASE {name}")
            self._templates[digest] = name
            async with Database.connect(self.url(name), name="template") as db:
                await migrate(db, migrations, ("pre", "post"))
        return self._templates[digest]

    async def _run(self, *commands: str) -> None:
        connection = await asyncpg.connect(self._admin_url, timeout=10)
        try:
            for command in commands:
                await connection.execute(command)
        finally:
            await connection.close()
