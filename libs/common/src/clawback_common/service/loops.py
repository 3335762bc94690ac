"""Periodic tasks of a worker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loop:
    """A periodic task."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]
    interrupt: bool = False
    """Whether it is cancelled at shutdown: it may wait for long, and cancelling it loses nothing."""
    alone: bool = False
    """Whether it runs only in the leading process, with every change fenced by the leader's lease."""
