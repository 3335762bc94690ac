"""The periodic loops of the worker."""

from functools import partial

from clawback_common.service.loops import Loop
from retention.use_cases import sweeps, watching
from retention.use_cases.service import Service


def loops(service: Service) -> list[Loop]:
    """Returns all loops; monitoring runs in one worker at a time."""
    return [
        service.sweeper.loop(),
        Loop("press", 1.0, partial(sweeps.resend_due, service)),
        Loop("beat", 5.0, partial(watching.beat, service)),
        Loop("measure", 30.0, partial(watching.measure, service)),
        Loop("time", 30.0, partial(watching.check_conditions, service), alone=True),
        service.alert_publisher.loop(),
    ]
