"""The description of a part of the stack. `processes.py` lists all parts."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clawback_local.site import Site


@dataclass(frozen=True)
class Listens:
    """Ready when something accepts connections on the part's port."""


@dataclass(frozen=True)
class Answers:
    """Ready when a GET of the path on the part's port is answered with 200."""

    path: str = "/readyz"


@dataclass(frozen=True)
class Finishes:
    """A one-shot: ready when it has ended with exit code 0."""


@dataclass(frozen=True)
class Command:
    """A command line, and the user it runs as (an identity of `launch.py`)."""

    argv: tuple[str, ...]
    identity: str = "self"


Ready = Listens | Answers | Finishes
Work = Callable[["Site"], Awaitable[None]]


@dataclass(frozen=True)
class Part:
    """One part: how it is started, what it depends on, and when it is ready.

    `argv` and the values of `env` are templates over the site's facts (`{kafka}`, `{ingester_api_port}`…). A part with
    `command` calls it before each start, for preparations and the command line. A part with `inside` is a one-shot
    within
    the supervisor. `settle` runs each time the part meets its ready condition, and must succeed for it to be ready.
    `ports` are the documented ones; the first is the address. A part with `replica_of` is an additional process of that
    part, with its extra variables.
    """

    name: str
    argv: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    ready: Ready = Finishes()
    command: Callable[["Site"], Awaitable[Command]] | None = None
    inside: Work | None = None
    settle: Work | None = None
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
        return isinstance(self.ready, Finishes)

    @property
    def port_name(self) -> str | None:
        """The name of its first port, by which the site has its number."""
        return next(iter(self.ports), None)
