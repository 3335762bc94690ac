"""The periodic loops of the worker, with or without a broker: one sender per channel, reminders, monitoring."""

from collections.abc import Mapping
from functools import partial

from alerting.gateways.notification import Send
from alerting.use_cases import folding, runs, sending, watching
from alerting.use_cases.service import Service
from clawback_common.service.loops import Loop
from clawback_common.service.process import ShutdownEvent
from clawback_common.service.waking import Sleeper

POLL_S = 0.5
"""How often to look for messages that another process queued. Messages that this process queues wake the sender."""
REMIND_EVERY_S = 10.0
WATCH_EVERY_S = 30.0
"""Well within the five minutes after hour 25 in which an overdue run must be notified."""


def loops(service: Service, sends: Mapping[str, Send], stopping: ShutdownEvent) -> list[Loop]:
    """Returns all loops; each channel has its own, so a slow one delays no other."""
    return [
        *(
            Loop(
                f"send {channel}",
                0.01,
                partial(_send_due, channel, send, service, service.senders.sleeper(), stopping),
            )
            for channel, send in sends.items()
        ),
        Loop("remind", REMIND_EVERY_S, partial(folding.evaluate_firing, service)),
        Loop("runs", WATCH_EVERY_S, partial(runs.watch_runs, service)),
        Loop("channels", WATCH_EVERY_S, partial(sending.watch_channels, service)),
        Loop("measure", 15.0, partial(watching.measure, service)),
    ]


async def _send_due(
    channel: str, send: Send, service: Service, sleeper: Sleeper, stopping: ShutdownEvent
) -> None:
    await sleeper.sleep(POLL_S)
    while not stopping.is_set() and await sending.send_one(channel, send, service):
        pass
