"""What the running worker monitors: overdue sweeps, and owners that fail or do not answer."""

from datetime import datetime, timedelta

from clawback_common.alerts import alert_state
from clawback_common.alerts.condition import Condition
from retention.domain import condition
from retention.gateways import metrics
from retention.storage import holds, sweeps
from retention.use_cases.service import Service

OVERDUE, FAILED, SILENT = "overdue", "failed", "silent"
FAILURE_AGE_MAX = timedelta(days=30)
"""Older failures raise no alert: a vacuum may never be repeated, and a class that is not swept becomes overdue."""


async def check_conditions(service: Service) -> list[Condition]:
    """Updates the alerts of overdue classes, failures and unanswered requests.

    Returns:
        All conditions.
    """
    now = service.clock.now()
    late = await overdue_conditions(service, now)
    failures = [
        condition.failed(row["data_class"], row["owner"], row["action"])
        for row in await sweeps.failing(service.db, now - FAILURE_AGE_MAX)
    ]
    silent = [
        condition.unanswered(row["owner"], row["sweeps"], row["since"])
        for row in await sweeps.unanswered(service.db, now - condition.SILENT_MAX)
    ]
    for watcher, found in ((OVERDUE, late), (FAILED, failures), (SILENT, silent)):
        await service.alert_publisher.on_conditions(watcher, found)
    await service.alert_publisher.resolve_stale()
    return [*late, *failures, *silent]


async def overdue_conditions(service: Service, now: datetime) -> list[Condition]:
    """Returns a condition if a class was not completely swept for too long."""
    last = await sweeps.last_done(service.db, service.policies)
    for name in service.policies:
        metrics.LAST_DONE.labels(name).set(last[name].timestamp() if name in last else 0)
    since = await alert_state.begun(service.db) or now
    return condition.overdue(service.policies, last, since, now)


async def measure(service: Service) -> None:
    """Sets the metrics, in every worker; conditions are monitored by one worker."""
    await overdue_conditions(service, service.clock.now())
    metrics.OPEN.set(await sweeps.open_count(service.db))
    in_force = await holds.counts(service.db)
    for name in service.policies:
        metrics.HOLDS.labels(name).set(in_force.get(name, 0))


async def beat(service: Service) -> None:
    """Records a heartbeat, which a sweep in another process checks."""
    await alert_state.beat(service.db, "worker", service.clock.now())
