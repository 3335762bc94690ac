"""The configuration of one stack: its files, ports and secrets, and the values for the templates of its parts."""

import fcntl
import os
import secrets
import shlex
import socket
import ssl
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parents[4]
"""The clone. The package is always installed in editable form, so it is found from this file."""
CACHE = ROOT / ".cache"
"""Downloads that are shared by all run folders; `make reset` keeps them."""
DEFAULT_RUN = ROOT / ".run"

LOOPBACK = "127.0.0.1"
PORT_STEP = 1000
PORT_SPREAD, PORT_END = 20_000, 32_000
"""Stacks of tests use ports from the first on; the last is below the range of the kernel's outgoing connections."""

DATABASES = ("ingester", "compliance", "analytics", "alerting", "retention")
"""One database per service, each with a role of the same name that can connect to no other."""
POSTGRES_ADMIN = "postgres"
DEVELOPMENT_KEY = "development"
"""The simulator accepts any key."""

READ_AT_START = (
    *("KAFKA_BOOTSTRAP_SERVERS", "POSTGRES_URL", "REDIS_URL", "SMTP_URL", "SMS_URL", "METABASE_URL"),
    *("TOPIC_PROFILE", "ARCHIVE_URL", "ALERT_ROUTES", "POLICIES", "FEEDS", "KAFKA_HEAP_OPTS"),
    *("METABASE_API_KEY", "METABASE_PAUSE_S", "METABASE_LIMIT", "METABASE_FORMAT", "METABASE_PAUSE_MARGIN"),
    *("METABASE_SLICES", "METABASE_SLICE_BASE", "METABASE_WINDOW_H"),
)
"""Variables that a stack reads only when it starts."""


class StackError(Exception):
    """The local stack cannot do what was requested; the message says what to do."""


class MissingTool(StackError):
    """A required program is missing, or too old."""


class Paths:
    """The files of one stack, all below one run folder that only its owner can enter."""

    def __init__(self, run: Path) -> None:
        self.run = run.absolute()
        self.env = self.run / "env"  # the actual addresses, one NAME=value per line
        self.feeds = self.run / "feeds.yaml"  # the feeds that the ingester polls
        self.provider = self.run / "provider"  # the provider of this folder's articles
        self.lock = self.run / "lock"  # locked by the supervisor
        self.socket = self.run / "control.sock"
        self.logs = self.run / "logs"  # one file per process, appended to over restarts
        self.pids = self.run / "pids"  # records of the processes, for the supervisor after a killed one
        self.keys = self.run / "keys"  # random secrets, kept over restarts
        self.mail = self.run / "mail"  # received mails, one .eml each
        self.sms = self.run / "sms"  # received messages, one .json each
        self.archive = self.run / "archive"  # what owners archive before they delete it
        self.kafka = self.run / "kafka"
        self.postgres = self.run / "postgres"
        self.tls = self.run / "tls"  # certificates of a stack in production mode
        self.cafile = self.tls / "ca.crt"

    def create(self) -> None:
        """Creates the folders."""
        self.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.logs, self.pids, self.keys, self.mail, self.sms, self.archive, self.kafka):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)

    def log(self, part: str) -> Path:
        """Returns the log of one part."""
        return self.logs / f"{part}.log"

    def secret(self, name: str) -> str:
        """Returns a random secret of this stack, created on first use."""
        path = self.keys / f"{name}.password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text().strip()

    def read_env(self) -> dict[str, str]:
        """Reads the actual addresses of the running stack."""
        if not self.env.exists():
            raise StackError(f"{self.env} does not exist: is the stack running?")
        pairs = (line.split("=", 1) for line in self.env.read_text().splitlines())
        return {name: shlex.split(value)[0] for name, value in pairs}


def write_private(path: Path, text: str) -> None:
    """Writes a file atomically; others can never read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.rename(path)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Locks a file for the duration of a block; False if another process has locked it."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:  # noqa: PTH123 - a descriptor
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_free(port: int) -> bool:
    """Whether a server could listen there now; a closing connection does not count as in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


@contextmanager
def claimed(wanted: Mapping[str, int], *, prefer_documented: bool = True) -> Iterator[dict[str, int]]:
    """Claims a free port for every name, for the duration of a block: the wanted one, or another one.

    A claim is a lock on a small file of the user, so stacks that start concurrently use different ports.
    """
    folder = Path(tempfile.gettempdir()) / f"clawback-ports-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    start = PORT_SPREAD + (os.getpid() * 37) % (PORT_END - PORT_SPREAD)
    spread = (*range(start, PORT_END), *range(PORT_SPREAD, start))

    def choose(port: int) -> int:
        for candidate in (*(range(port, PORT_END, PORT_STEP) if prefer_documented else ()), *spread):
            if claims.enter_context(locked(folder / str(candidate))) and is_free(candidate):
                return candidate
        raise StackError(f"no free port near {port} on {LOOPBACK}: stop a server that listens there")

    with ExitStack() as claims:
        yield {name: choose(port) for name, port in wanted.items()}


@dataclass(frozen=True)
class Config:
    """One stack: its files, the port of each name, and the values that templates of parts can use.

    `environment` is the user's: an address in it (`KAFKA_BOOTSTRAP_SERVERS`, `POSTGRES_URL`…) replaces a part. A stack in
    `production` mode has TLS and credentials on every connection.
    """

    paths: Paths
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    values: Mapping[str, str]
    production: bool = False

    @cached_property
    def client_context(self) -> ssl.SSLContext | None:
        """A context that trusts the stack's certificates; None without TLS."""
        return ssl.create_default_context(cafile=self.paths.cafile) if self.production else None

    def fill(self, template: str) -> str:
        """Fills a template with the values."""
        return template.format_map(self.values)


def resolve(paths: Paths, ports: Mapping[str, int], environment: Mapping[str, str]) -> Config:
    """Determines all values of a stack in development mode; creates missing secrets."""
    local = {
        name: f"{LOOPBACK}:{ports.get(name, 0)}" for name in ("kafka", "postgres", "valkey", "mail", "sms")
    }
    password = paths.secret("postgres")
    replaceable = (
        ("METABASE_URL", "metabase_url", f"http://{LOOPBACK}:{ports.get('simulator', 0)}"),
        ("METABASE_API_KEY", "metabase_api_key", DEVELOPMENT_KEY),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", local["kafka"]),
        ("TOPIC_PROFILE", "topic_profile", "local"),
        (
            "POSTGRES_URL",
            "postgres_admin",
            f"postgresql://{POSTGRES_ADMIN}:{password}@{local['postgres']}/postgres",
        ),
        ("REDIS_URL", "redis_url", f"redis://{local['valkey']}/0"),
        ("SMTP_URL", "smtp_url", f"smtp://{local['mail']}?from=alerts@clawback.example"),
        ("SMS_URL", "sms_url", f"http://{local['sms']}/messages"),
        ("ARCHIVE_URL", "archive_url", paths.archive.as_uri()),
        ("FEEDS", "feeds", str(paths.feeds)),
    )
    values = {
        "run": str(paths.run),
        "keys": str(paths.keys),
        "mail": str(paths.mail),
        "sms": str(paths.sms),
        "cafile": "",
        "python": sys.executable,
        "alert_routes": str(ROOT / "services/alerting/src/alerting/routes.example.yaml"),
    }
    values |= {f"{name}_port": str(port) for name, port in ports.items()}
    values |= {f"{name}_url": f"http://{LOOPBACK}:{port}" for name, port in ports.items()}
    values |= {value: environment.get(variable) or ours for variable, value, ours in replaceable}
    values["addresses"] = ",".join(
        f"{name}={values.get(f'{name}_api_url')},{name}-worker={values.get(f'{name}_worker_url')}"
        for name in DATABASES
    )
    admin = urlsplit(values["postgres_admin"])
    for name in DATABASES:
        user = f"{name}:{quote(paths.secret(f'database-{name}'), safe='')}"
        netloc = f"{user}@{admin.netloc.rpartition('@')[2]}"
        values[f"{name}_database"] = urlunsplit(admin._replace(netloc=netloc, path=f"/{name}"))
    return Config(paths, ports, environment, values)


def kafka_arguments(paths: Paths, bootstrap_servers: str, name: str = "operator") -> dict[str, Any]:
    """Returns how an aiokafka client connects to the broker as this user; without TLS if the stack has none."""
    plain = {"bootstrap_servers": bootstrap_servers}
    if not paths.cafile.exists():
        return plain
    return plain | {
        "security_protocol": "SASL_SSL",
        "ssl_context": ssl.create_default_context(cafile=paths.cafile),
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": name,
        "sasl_plain_password": paths.secret(f"kafka-{name}"),
    }


def changed_settings(
    wanted: Mapping[str, str], running: Mapping[str, str], users: Collection[str]
) -> list[str]:
    """Returns the variables of `READ_AT_START` that differ from those of the running stack.

    Includes those that the user (`users`) had set when it started and has unset since.
    """
    return [
        name
        for name in READ_AT_START
        if (wanted[name] != running.get(name) if name in wanted else name in users)
    ]


def refuse_another_provider(paths: Paths, environment: Mapping[str, str]) -> None:
    """Records the provider of a run folder at its first start, without credentials, and rejects another one later.

    Raises:
        StackError: the folder belongs to another provider, or the provider's key is empty.
    """
    if environment.get("METABASE_API_KEY") == "":
        raise StackError(
            "METABASE_API_KEY is empty: set the provider's key, or unset it to use the simulator"
        )
    url = urlsplit(environment.get("METABASE_URL") or "")
    provider = f"{url.scheme}://{url.netloc.rpartition('@')[2]}" if url.netloc else "the simulator"
    known = paths.provider.read_text().strip() if paths.provider.exists() else provider
    if known != provider:
        raise StackError(
            f"{paths.run} has articles and cursors of {known}, not of {provider}: "
            "'make reset' deletes them, or --run-dir selects another folder"
        )
    paths.provider.write_text(f"{provider}\n")
