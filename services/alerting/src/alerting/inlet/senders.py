"""One sender a channel, so that none waits for another."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from alerting import flow
from alerting.flow import Service
from alerting.outlet.outgoing import Send
from clawback_common.process import Stopping
from clawback_common.worker import Loop

LOOK_S = 0.5
"""What another process queued is found so soon; what this one queued wakes the sender."""


class Wakes:
    """Wakes every sender of this process."""

    def __init__(self) -> None:
        self._events: list[asyncio.Event] = []

    def add(self) -> asyncio.Event:
        """One more to wake."""
        self._events.append(asyncio.Event())
        return self._events[-1]

    def __call__(self) -> None:
        """There is something to send."""
        for event in self._events:
            event.set()


def sending_loops(
    sends: Mapping[str, Send], service: Service, wakes: Wakes, stopping: Stopping
) -> list[Loop]:
    """A loop for each channel."""
    return [
        Loop(f"send {channel}", 0.01, partial(_round, channel, send, service, wakes.add(), stopping))
        for channel, send in sends.items()
    ]


async def _round(
    channel: str, send: Send, service: Service, woken: asyncio.Event, stopping: Stopping
) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(woken.wait(), LOOK_S)
    woken.clear()
    while not stopping.is_set() and await flow.send_one(channel, send, service):
        pass
