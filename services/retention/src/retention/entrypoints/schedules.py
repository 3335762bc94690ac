"""What the worker does again and again."""

from functools import partial

from clawback_common.service.loops import Loop
from retention import use_cases
from retention.use_cases import Service, watching


def loops(service: Service) -> list[Loop]:
    """All of them; what watches is done by one worker alone."""
    return [
        service.sweeper.loop(),
        Loop("press", 1.0, partial(use_cases.resend_due, service)),
        Loop("beat", 5.0, partial(watching.beat, service)),
        Loop("measure", 30.0, partial(watching.measure, service)),
        Loop("time", 30.0, partial(watching.watch_time, service), alone=True),
        service.alert_publisher.loop(),
    ]
