"""Takedowns before articles within a process: articles are slowed down while urgent work is running."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
SLICE = 16
"""Number of articles that take a few milliseconds."""
PAUSE_S = 0.1
"""Pause before a slice: many orders slow articles down, but do not stop them."""
LINGER_S = 0.5
"""Urgency continues for this long after the work, because other processes then need the CPU for the same order."""


class Priority:
    """The state that the lanes of one process share."""

    def __init__(self) -> None:
        self._urgent = 0
        self._lingers_until_s = 0.0

    @contextmanager
    def urgent(self) -> Iterator[None]:
        """Mark the block as urgent work that articles must not delay."""
        self._urgent += 1
        try:
            yield
        finally:
            self._urgent -= 1
            self._lingers_until_s = time.monotonic() + LINGER_S

    @property
    def active(self) -> bool:
        """Whether urgent work is running, or was a moment ago."""
        return self._urgent > 0 or time.monotonic() < self._lingers_until_s

    async def yield_to_urgent(self) -> None:
        """Pause for a moment if urgent work is running."""
        if self.active:
            await asyncio.sleep(PAUSE_S)

    async def slices(self, items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
        """Yield the items in small slices, with a pause before each if urgent work is running."""
        for start in range(0, len(items), SLICE):
            await self.yield_to_urgent()
            yield items[start : start + SLICE]
