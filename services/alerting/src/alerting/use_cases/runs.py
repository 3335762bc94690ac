"""Compliance runs: notifies the result of each run, and detects from the clock alone that no run completes.

The detection needs neither the scheduler nor compliance's own monitoring.
"""

from datetime import datetime, timedelta

from alerting.domain import condition
from alerting.domain.alert import AlertEvent, Resolved
from alerting.gateways import metrics
from alerting.storage import alerts, watches
from alerting.use_cases.folding import fold_events, not_ahead, only_new
from alerting.use_cases.service import GROUP, Service
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.postgres import Transaction
from clawback_contracts.run.v1 import RunCompleted, RunFailed

REPEAT_INTERVAL = timedelta(hours=1)


async def on_runs(
    batch: Batch[RunCompleted | RunFailed], service: Service, *, positions: bool = True
) -> None:
    """Notifies the result of each run once. A completed run resolves the alerts of a failed and of an overdue run."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        events: list[AlertEvent] = []
        for one in await only_new(tx, batch, now):
            run = one.value.model_copy(update={"ended_at": not_ahead(one.value.ended_at, now)})
            match run:
                case RunCompleted():
                    events += _completed(run)
                    await watches.run_completed(tx, run.ended_at, now)
                case RunFailed():
                    events.append(condition.run_failed(run))
        await fold_events(tx, events, service, now)
        await _check_age(tx, service, now)
        if positions:
            await offsets.keep(tx, GROUP, batch)


def _completed(run: RunCompleted) -> list[AlertEvent]:
    found = condition.revoked_found(run)
    return [
        Resolved(condition.RUN_FAILED, run.ended_at),
        *([found] if found else []),
        condition.daily_summary(run),
    ]


async def watch_runs(service: Service) -> None:
    """Checks the age of the last completed run."""
    async with service.db.transaction() as tx:
        await _check_age(tx, service, service.clock.now())


async def _check_age(tx: Transaction, service: Service, now: datetime) -> None:
    started_at, completed_at = await watches.load(tx, now)
    metrics.LAST_RUN.set(completed_at.timestamp() if completed_at else 0)
    overdue = condition.run_overdue(completed_at, started_at, now)
    known = await alerts.one(tx, condition.RUN_OVERDUE)
    firing = known is not None and known.firing
    if overdue and not (known and firing and now - known.last_at < REPEAT_INTERVAL):
        await fold_events(tx, [overdue], service, now)
    elif firing and not overdue:
        await fold_events(tx, [Resolved(condition.RUN_OVERDUE, now)], service, now)
