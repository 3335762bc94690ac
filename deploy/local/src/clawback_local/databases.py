"""The services' databases and roles, on our own PostgreSQL server or an external one."""

import asyncio
import os
from collections.abc import Mapping

import asyncpg

from clawback_local.errors import StackError
from clawback_local.site import DATABASES, Site, secret

CONNECT_DEADLINE_S = 30.0
LEAST_VERSION = 18


async def ensure(site: Site) -> None:
    """Creates what is missing; each role can connect to its own database only."""
    passwords = {name: secret(site.places, f"database-{name}") for name in DATABASES}
    await ensure_on(site.facts["postgres_admin"], passwords)


async def ensure_on(admin: str, passwords: Mapping[str, str]) -> None:
    """Does the same on any server, with these passwords for the roles."""
    connection = await _connect(admin)
    try:
        major = connection.get_server_version().major
        if major < LEAST_VERSION:
            raise StackError(f"PostgreSQL {LEAST_VERSION} or newer is needed, this one is version {major}")
        for name, password in passwords.items():
            await _ensure_one(connection, name, password)
    finally:
        await connection.close()


async def _ensure_one(connection: asyncpg.Connection, name: str, password: str) -> None:
    known = await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", name)
    literal = await connection.fetchval("SELECT quote_literal($1::text)", password)
    verb = "ALTER" if known else "CREATE"
    await connection.execute(f"{verb} ROLE {name} LOGIN PASSWORD {literal}")
    if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
        await connection.execute(f"CREATE DATABASE {name} OWNER {name} STRATEGY file_copy")
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await connection.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")


async def _connect(dsn: str) -> asyncpg.Connection:
    """Connects. The server listens before it accepts connections, because after a crash it replays its log first."""
    loop = asyncio.get_running_loop()
    end = loop.time() + CONNECT_DEADLINE_S
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError, TimeoutError) as error:
            if loop.time() >= end:
                raise StackError(
                    f"PostgreSQL accepts no connection after {CONNECT_DEADLINE_S:.0f} s: {error}"
                ) from error
            await asyncio.sleep(0.05)


def main() -> None:
    """`python -m clawback_local.databases`: for containers; needs `POSTGRES_URL` and a `<DATABASE>_PASSWORD` each."""
    passwords = {name: os.environ[f"{name.upper()}_PASSWORD"] for name in DATABASES}
    asyncio.run(ensure_on(os.environ["POSTGRES_URL"], passwords))


if __name__ == "__main__":
    main()
