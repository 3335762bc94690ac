"""Compliance runs: what each one says is told, and that none says anything is noticed here, by the clock alone.

Neither the scheduler nor compliance's own watcher has to be alive for that.
"""

from datetime import datetime, timedelta

from alerting.domain import condition
from alerting.domain.alert import AlertEvent, Resolved
from alerting.gateways import metrics
from alerting.storage import alerts, watches
from alerting.use_cases.folding import not_ahead, only_new, say
from alerting.use_cases.service import GROUP, Service
from clawback_common.kafka import offsets
from clawback_common.kafka.envelope import Batch
from clawback_common.postgres import Transaction
from clawback_contracts.run.v1 import RunCompleted, RunFailed

SAID_AGAIN = timedelta(hours=1)


async def on_runs(
    batch: Batch[RunCompleted | RunFailed], service: Service, *, positions: bool = True
) -> None:
    """Tell what each run found, once; a completed one ends the alert of a failed or an overdue one."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        said: list[AlertEvent] = []
        for one in await only_new(tx, batch, now):
            run = one.value.model_copy(update={"ended_at": not_ahead(one.value.ended_at, now)})
            match run:
                case RunCompleted():
                    said += _completed(run)
                    await watches.run_completed(tx, run.ended_at, now)
                case RunFailed():
                    said.append(condition.run_failed(run))
        await say(tx, said, service, now)
        await _judge_age(tx, service, now)
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
    """The age of the last run that completed, looked at by the clock."""
    async with service.db.transaction() as tx:
        await _judge_age(tx, service, service.clock.now())


async def _judge_age(tx: Transaction, service: Service, now: datetime) -> None:
    started_at, completed_at = await watches.seen(tx, now)
    metrics.LAST_RUN.set(completed_at.timestamp() if completed_at else 0)
    overdue = condition.run_overdue(completed_at, started_at, now)
    known = await alerts.one(tx, condition.RUN_OVERDUE)
    firing = known is not None and known.firing
    if overdue and not (known and firing and now - known.last_at < SAID_AGAIN):
        await say(tx, [overdue], service, now)
    elif firing and not overdue:
        await say(tx, [Resolved(condition.RUN_OVERDUE, now)], service, now)
