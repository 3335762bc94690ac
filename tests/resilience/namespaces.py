"""Two network namespaces and the wire between them, which can be cut: packets vanish, and neither end hears of it.

Addresses, links and routes are in namespaces of this test alone; the machine's own network is left as it is.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

SERVER, NODE = "10.111.1.1", "10.111.2.1"
_GATEWAYS = {SERVER: "10.111.1.2", NODE: "10.111.2.2"}
_FORWARDING = "/proc/sys/net/ipv4/ip_forward"


def missing() -> str | None:
    """Why this machine cannot have them; None: it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip` (iproute2)"
    return None


@dataclass(frozen=True, slots=True)
class Wire:
    """Between the server's namespace and the node's."""

    server: str
    """Commands of this namespace have the address `SERVER`."""
    node: str
    """Commands of this one have the address `NODE`."""
    between: str

    def cut(self) -> None:
        """What either end sends vanishes in between: no error, no reset."""
        for address in (SERVER, NODE):
            ip("-n", self.between, "route", "add", "blackhole", f"{address}/32")

    def reconnect(self) -> None:
        """What is sent from now on arrives."""
        for address in (SERVER, NODE):
            ip("-n", self.between, "route", "del", "blackhole", f"{address}/32")

    @staticmethod
    def within(namespace: str, *command: str) -> tuple[str, ...]:
        """The command line that runs a command there."""
        return ("ip", "netns", "exec", namespace, *command)


@contextmanager
def wire() -> Iterator[Wire]:
    """Both namespaces, connected; they end with the block, and so do links and routes."""
    prefix = f"clawback-{uuid4().hex[:8]}"
    made = Wire(f"{prefix}-server", f"{prefix}-node", f"{prefix}-wire")
    names = (made.server, made.node, made.between)
    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        for name, address, link in ((made.server, SERVER, "link1"), (made.node, NODE, "link2")):
            _connect(made.between, name, address, link)
        _run(*made.within(made.between, "sh", "-c", f"echo 1 > {_FORWARDING}"))
        yield made
    finally:
        for name in names:
            _run("ip", "netns", "del", name, check=False)


def ip(*arguments: str) -> None:
    """Run `ip`; AssertionError with what it reports."""
    _run("ip", *arguments)


def _connect(between: str, namespace: str, address: str, link: str) -> None:
    gateway = _GATEWAYS[address]
    ip("link", "add", "eth0", "netns", namespace, "type", "veth", "peer", "name", link, "netns", between)
    ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
    ip("-n", between, "addr", "add", f"{gateway}/24", "dev", link)
    ip("-n", namespace, "link", "set", "eth0", "up")
    ip("-n", between, "link", "set", link, "up")
    ip("-n", namespace, "route", "add", "default", "via", gateway)


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - arguments are ours
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}")
