"""Takedowns before articles, within a process too: content goes slowly while something urgent is in hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
SLICE = 16
"""Articles: a few milliseconds of work."""
GIVE_WAY_S = 0.1
"""How long a slice waits: a flood of orders slows content down, and does not stop it."""
LINGER_S = 0.5
"""An order that has left this process is in the hands of others, who need the machine as much."""


class Priority:
    """What the lanes of one process agree on."""

    def __init__(self) -> None:
        self._urgent = 0
        self._lingers_until_s = 0.0

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Something is in hand that articles must not hold up."""
        self._urgent += 1
        try:
            yield
        finally:
            self._urgent -= 1
            self._lingers_until_s = time.monotonic() + LINGER_S

    @property
    def in_hand(self) -> bool:
        """Whether something urgent is, or was a moment ago."""
        return self._urgent > 0 or time.monotonic() < self._lingers_until_s

    async def give_way(self) -> None:
        """Content waits a little while something urgent is in hand."""
        if self.in_hand:
            await asyncio.sleep(GIVE_WAY_S)

    async def slices(self, items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
        """A few at a time, giving way before each."""
        for start in range(0, len(items), SLICE):
            await self.give_way()
            yield items[start : start + SLICE]
