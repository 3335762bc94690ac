"""The files, ports, secrets and values of one stack. Uses the standard library only: see `kafka.py`."""

import fcntl
import itertools
import os
import secrets
import shlex
import socket
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]  # the clone: the package is always installed in editable form
CACHE = ROOT / ".cache"  # downloads that are shared by all run folders; `make reset` keeps them
DEFAULT_RUN = ROOT / ".run"
LOOPBACK = "127.0.0.1"
PORT_STEP = 1000
PORT_SPREAD = range(20_000, 32_000)  # for stacks of tests; below the kernel's ports of outgoing connections
DATABASES = (
    "ingester",
    "compliance",
    "analytics",
    "alerting",
    "retention",
)  # of each service, with its own role


class StackError(Exception):
    """The local stack cannot do what was requested; the message says what to do."""


class Paths:
    """The files of one stack, all below one run folder that only its owner can enter."""

    def __init__(self, run: Path) -> None:
        self.run = run.absolute()
        self.env = self.run / "env"  # the actual addresses, one NAME=value per line
        self.feeds = self.run / "feeds.yaml"  # the feeds that the ingester polls
        self.settings = self.run / "settings.json"  # what the user had set when the stack started
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

    def kafka_arguments(self, bootstrap_servers: str, user: str = "operator") -> dict[str, Any]:
        """Returns how an aiokafka client connects to the broker as this user; without TLS if the stack has none."""
        if not self.cafile.exists():
            return {"bootstrap_servers": bootstrap_servers}
        return {
            "bootstrap_servers": bootstrap_servers,
            "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(cafile=self.cafile),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": user,
            "sasl_plain_password": self.secret(f"kafka-{user}"),
        }


@dataclass(frozen=True)
class Config:
    """One stack: its files, the port of each name, the user's environment, and the values for templates of parts."""

    paths: Paths
    ports: Mapping[str, int]
    environment: Mapping[str, str]
    values: Mapping[str, str]
    production: bool = False  # TLS and credentials on every connection

    def fill(self, template: str) -> str:
        """Fills a template with the values."""
        return template.format_map(self.values)


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
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def is_free(port: int) -> bool:
    """Whether a server could listen there now; a closing connection does not count as in use."""
    try:
        socket.create_server((LOOPBACK, port)).close()
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
    middle = os.getpid() * 37 % len(PORT_SPREAD)

    def choose(port: int) -> int:
        documented = range(port, PORT_SPREAD.stop if prefer_documented else port, PORT_STEP)
        for candidate in itertools.chain(documented, PORT_SPREAD[middle:], PORT_SPREAD[:middle]):
            if claims.enter_context(locked(folder / str(candidate))) and is_free(candidate):
                return candidate
        raise StackError(f"no free port near {port} on {LOOPBACK}: stop a server that listens there")

    with ExitStack() as claims:
        yield {name: choose(port) for name, port in wanted.items()}
