"""The periodic loops of the worker."""

from functools import partial

from analytics.use_cases import orders
from analytics.use_cases.service import Service
from analytics.use_cases.watching import measure
from clawback_common.service.loops import Loop


def loops(service: Service) -> list[Loop]:
    """Returns all loops."""
    return [
        service.sweeper.loop(),
        Loop("confirm orders", 0.5, partial(orders.confirm, service)),
        Loop("measure", 60.0, partial(measure, service)),
    ]
