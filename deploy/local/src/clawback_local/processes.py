"""Processes of a stack: tied to the life of their supervisor, recorded, and probed until they are ready."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Any

from clawback_local.config import LOOPBACK, Paths, StackError

NOBODY = "65534"
KEPT = "+dac_override"  # of root, to enter the folders of others, which nobody keeps
USERS = {
    "self": "",
    "namespace": f"unshare --user --map-user={NOBODY} --map-group={NOBODY}",
    NOBODY: f"setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups --inh-caps={KEPT} --ambient-caps={KEPT}",
}
"""How a process gets its user. In a namespace it is nobody inside, and still the current user outside."""
UNLESS_ORPHANED = '[ "$PPID" = "$0" ] && exec "$@"'  # for a parent that ended before the signal was requested
END_DEADLINE_S = 10.0
POLL_S = 0.05
PROBE_TIMEOUT_S = 2.0
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
Command = tuple[tuple[str, ...], str]  # a command line, and the user it runs as: a key of `USERS`


def tied(*argv: str, user: str = "self", death_signal: str = "KILL") -> tuple[str, ...]:
    """Returns a command line, for a child of this process, that gets the signal when this process ends."""
    become = [*USERS[user].split(), "setpriv", f"--pdeathsig={death_signal}"]
    return (*become, "sh", "-c", UNLESS_ORPHANED, str(os.getpid()), *argv)


def started(pid: int) -> str | None:
    """Returns the kernel's start time of a process; None if it does not exist."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def run(*argv: str, **options: Any) -> tuple[int, str]:
    """Runs a program to its end; returns its exit code and output."""
    done = subprocess.run(argv, stdout=PIPE, stderr=STDOUT, text=True, check=False, **options)  # noqa: S603 - our own arguments
    return done.returncode, done.stdout


def wheel(package: str) -> Path:
    """Returns the folder of a package that brings a server."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise StackError(f"the package {package.replace('_', '-')} is not installed: run `make setup`")
    return Path(spec.origin).parent


def cleanup(paths: Paths) -> None:
    """Stops what a killed supervisor left running. Usually nothing: the kernel stops its processes with it."""
    for path in paths.pids.glob("*"):
        with contextlib.suppress(ValueError, KeyError, ProcessLookupError):
            known = json.loads(path.read_text())
            end = time.monotonic() + END_DEADLINE_S
            while started(known["pid"]) == known["started"]:
                os.kill(known["pid"], signal.SIGKILL)
                if time.monotonic() > end:
                    raise StackError(f"{path.name} (pid {known['pid']}) of an earlier run does not stop")
                time.sleep(POLL_S)
        path.unlink()


async def listens(port: int, host: str = LOOPBACK) -> bool:
    """Whether a connection is accepted now."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return True
    return False


async def answers(port: int, *, cafile: Path | None = None) -> bool:
    """Whether `GET /readyz` is answered with 200 now; over TLS with an authority."""
    context = ssl.create_default_context(cafile=cafile) if cafile else None
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context)
            with contextlib.closing(writer):
                writer.write(REQUEST)
                return (await reader.readline()).split(b" ")[1:2] == [b"200"]
    return False


async def until(condition: Callable[[], Awaitable[bool]], *, deadline_s: float) -> bool:
    """Polls until the condition is true. Returns False after the deadline."""
    end = time.monotonic() + deadline_s
    while not await condition():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(POLL_S)
    return True
