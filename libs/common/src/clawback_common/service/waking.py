"""Loops that wait for work: woken at once by this process, and after a while for what another process left."""

import asyncio
from contextlib import suppress


class Sleeper:
    """One loop that waits."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is work: the sleep that lasts ends, or the next one does at once."""
        self._woken.set()

    async def sleep(self, s_max: float) -> None:
        """Sleeps until woken, at most so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), s_max)
        self._woken.clear()


class Waker:
    """Wakes every loop that has asked for it. Without one, as in an API process, a wake does nothing."""

    def __init__(self) -> None:
        self._sleepers: list[Sleeper] = []

    def sleeper(self) -> Sleeper:
        """One more to wake."""
        self._sleepers.append(Sleeper())
        return self._sleepers[-1]

    def wake(self) -> None:
        """There is work for all of them."""
        for one in self._sleepers:
            one.wake()
