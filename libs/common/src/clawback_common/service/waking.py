"""Loops that wait for work: woken at once by this process; work of other processes is found by polling."""

import asyncio
from contextlib import suppress


class Sleeper:
    """One waiting loop."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """End the current sleep, or the next one at once, because there is work."""
        self._woken.set()

    async def sleep(self, s_max: float) -> None:
        """Sleep until woken, at most for this many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), s_max)
        self._woken.clear()


class Waker:
    """Wakes every registered loop. In an API process none is registered, and a wake does nothing."""

    def __init__(self) -> None:
        self._sleepers: list[Sleeper] = []

    def sleeper(self) -> Sleeper:
        """Register and return another sleeper."""
        self._sleepers.append(Sleeper())
        return self._sleepers[-1]

    def wake(self) -> None:
        """Wake all sleepers, because there is work."""
        for one in self._sleepers:
            one.wake()
