"""What a worker does again and again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loop:
    """Something done again and again."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]
    interrupt: bool = False
    """Ended in the middle when the process is asked to end: it may wait for long, and loses nothing."""
    alone: bool = False
    """Done in the one process that leads the service; whatever it changes is fenced by the leader's lease."""
