"""The ports of a stack: the documented ones, or others if those are in use."""

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
"""Below the range from which the kernel selects the ports of outgoing connections."""
SPREAD_FROM, SPREAD_TO = 20_000, 32_000


def is_free(port: int) -> bool:
    """Whether a server could listen there now; a closing connection does not count as in use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


class Ports:
    """Ports claimed for one stack, so that stacks that start concurrently use different ones.

    A claim is a lock on a small file of the user, held while this object is open.
    """

    def __init__(self, *, prefer_documented: bool = True) -> None:
        self._prefer_documented = prefer_documented
        self._claims = ExitStack()

    def choose(self, wanted: Mapping[str, int]) -> dict[str, int]:
        """Returns a free port for every name: the wanted one, or the next free one."""
        return {name: self._claim(port) for name, port in wanted.items()}

    def close(self) -> None:
        """Releases the claims."""
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
        raise StackError(f"no free port near {wanted} on {LOOPBACK}: stop a server that listens there")

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
    """Claims ports for the duration of a block."""
    ports = Ports(prefer_documented=prefer_documented)
    try:
        yield ports.choose(wanted)
    finally:
        ports.close()
