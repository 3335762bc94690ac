"""The services' databases and roles on a PostgreSQL server, ours or one that was given."""

import asyncio
import os
from collections.abc import Mapping

import asyncpg

from clawback_local.errors import StackError
from clawback_local.site import DATABASES, Site, secret

CONNECT_DEADLINE_S = 30.0
LEAST_VERSION = 18


async def ensure(site: Site) -> None:
    """Make what is missing; every role can connect to its own database alone."""
    passwords = {name: secret(site.places, f"database-{name}") for name in DATABASES}
    await ensure_on(site.facts["postgres_admin"], passwords)


async def ensure_on(admin: str, passwords: Mapping[str, str]) -> None:
    """The same on an administrator's server, with the passwords that the roles shall have."""
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
    """The server listens before it lets anybody in: after a crash it first reads its log."""
    loop = asyncio.get_running_loop()
    end = loop.time() + CONNECT_DEADLINE_S
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError, TimeoutError) as error:
            if loop.time() >= end:
                raise StackError(
                    f"PostgreSQL lets nobody in after {CONNECT_DEADLINE_S:.0f} s: {error}"
                ) from error
            await asyncio.sleep(0.05)


def main() -> None:
    """`python -m clawback_local.databases`: for containers; `POSTGRES_URL` and a `<DATABASE>_PASSWORD` each."""
    passwords = {name: os.environ[f"{name.upper()}_PASSWORD"] for name in DATABASES}
    asyncio.run(ensure_on(os.environ["POSTGRES_URL"], passwords))


if __name__ == "__main__":
    main()
