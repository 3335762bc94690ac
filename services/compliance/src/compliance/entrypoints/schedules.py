"""The loops of the worker."""

from datetime import timedelta
from functools import partial

import structlog

from clawback_common.service.loops import Loop
from clawback_common.service.process import ShutdownEvent
from compliance.storage import obligations
from compliance.use_cases import holders, orders, requests, watching
from compliance.use_cases.controls import Controls
from compliance.use_cases.daily_run import Check
from compliance.use_cases.mass_revocations import MassRevocations
from compliance.use_cases.service import Service
from compliance.use_cases.verification import HoldingsVerifier

RUN_WAIT = timedelta(minutes=15)
"""How long a run that was requested over HTTP waits for obligations to close."""
_log = structlog.stdlib.get_logger(__name__)


def loops(
    service: Service, verifier: HoldingsVerifier, controls: Controls, stopping: ShutdownEvent
) -> list[Loop]:
    """Returns all loops; monitoring loops run in one worker only."""
    run = Check(service, service.ingester, stopping, _log_run, RUN_WAIT)
    return [
        Loop("verification", 0.002, verifier.wait_and_verify),
        Loop("controls", 60.0, partial(controls.refresh, service)),
        Loop("resend", 1.0, partial(orders.resend_due, service)),
        Loop("notified", 1.0, partial(_note_notified, service)),
        Loop("requested runs", 1.0, run.requested),
        Loop("mass revocations", 10.0, MassRevocations(service, service.ingester).watch, alone=True),
        Loop("requests", 1.0, partial(requests.carry_out_all, service)),
        Loop("unverifiable", 5.0, partial(holders.close_unverifiable, service)),
        Loop("beat", 5.0, partial(watching.beat, service)),
        Loop("measure", 30.0, partial(watching.measure, service)),
        Loop("time", 30.0, partial(watching.watch_time, service), alone=True),
        service.alert_publisher.loop(),
        Loop("readers", 60.0, partial(watching.watch_readers, service), alone=True),
        service.sweeper.loop(),
    ]


async def _note_notified(service: Service) -> None:
    await obligations.notified(service.db, service.clock.now())


def _log_run(line: str) -> None:
    _log.info("run", progress=line)
