"""Ports of a stack: the documented ones, moved when somebody else has them."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from clawback_local.errors import StackError

LOOPBACK = "127.0.0.1"
STEP = 1000
HIGHEST = 32_000
"""Below the range from which the kernel picks the ports of outgoing connections."""
SPREAD_FROM, SPREAD_TO = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could listen there now; a connection still closing does not count as taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


class Ports:
    """Ports claimed for one stack, so that two stacks that start at once never choose the same.

    A claim is a lock on a small file of the user, held as long as this object is open.
    """

    def __init__(self, *, prefer_documented: bool = True) -> None:
        self._prefer_documented = prefer_documented
        self._claims = ExitStack()

    def choose(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """A free port for every name: the wanted one, else the next free one a step higher."""
        return {name: self._claim(port) for name, port in wanted.items()}

    def close(self) -> None:
        """Give the claims back."""
        self._claims.close()

    def _claim(self, wanted: int) -> int:
        for port in self._candidates(wanted):
            claim = _try_lock(port)
            if claim is None:
                continue
            if is_free(port):
                self._claims.callback(os.close, claim)
                return port
            os.close(claim)
        raise StackError(f"no free port near {wanted} on {LOOPBACK}: stop something that listens there")

    def _candidates(self, wanted: int) -> Iterator[int]:
        if self._prefer_documented:
            yield from range(wanted, HIGHEST, STEP)
        start = SPREAD_FROM + (os.getpid() * 37) % (SPREAD_TO - SPREAD_FROM)
        yield from range(start, SPREAD_TO)
        yield from range(SPREAD_FROM, start)


def _try_lock(port: int) -> int | None:
    folder = Path(tempfile.gettempdir()) / f"clawback-ports-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def claimed(wanted: Mapping[str, int], *, prefer_documented: bool = True) -> Iterator[dict[str, int]]:
    """Ports for the length of a block."""
    ports = Ports(prefer_documented=prefer_documented)
    try:
        yield ports.choose(wanted)
    finally:
        ports.close()
