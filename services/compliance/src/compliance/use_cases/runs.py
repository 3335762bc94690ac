"""The records of the daily check: each run has a start and exactly one end."""

from collections.abc import Sequence
from uuid import UUID

import orjson

from clawback_common.telemetry import traceparent
from clawback_contracts.run.v1 import RunCompleted, RunFailed
from compliance.gateways import events, metrics
from compliance.gateways.ingester import Poll
from compliance.storage import obligations, runs
from compliance.storage.notices import Progress
from compliance.use_cases.service import Service


async def check_started(run_id: UUID, service: Service) -> bool:
    """Starts a run, with the lease held; other running runs are ended as failed. False: already started."""
    now = service.clock.now()
    if not await runs.start(service.db, run_id, now):
        return False
    for dead in await runs.left_behind(service.db, run_id):
        await check_failed(dead["run_id"], "its process ended without reporting a result", service)
    return True


async def check_completed(
    run_id: UUID, polls: Sequence[Poll], progress: Progress, service: Service
) -> RunCompleted | None:
    """Ends a run as completed and counts what is open. None if the run had already ended."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        row = await runs.one(tx, run_id)
        if row is None:
            return None
        noticed = sum(poll.noticed for poll in polls)
        completed = RunCompleted(
            run_id=run_id,
            started_at=row["started_at"],
            ended_at=now,
            poll_ids=tuple(poll.poll_id for poll in polls),
            mock=row["mock"],
            noticed=noticed,
            closed=progress.closed,
            open=progress.open + max(0, noticed - progress.recorded),
            overdue=sum(one.overdue for one in await obligations.lateness(tx, now)),
        )
        outcome = "open" if completed.open else "done"
        if not await runs.complete(tx, completed, outcome, await obligations.open_prompt(tx)):
            return None
        await service.outbox.put(tx, [events.run_ended(completed, traceparent())])
    metrics.RUNS.labels(outcome).inc()
    return completed


async def check_failed(run_id: UUID, error: str, service: Service) -> None:
    """Ends a run as failed: it permits no conclusion."""
    async with service.db.transaction() as tx:
        now = service.clock.now()
        row = await runs.one(tx, run_id)
        if row is None or not await runs.fail(tx, run_id, error, now):
            return
        failed = RunFailed(
            run_id=run_id,
            started_at=row["started_at"] or row["requested_at"],
            ended_at=now,
            poll_ids=tuple(UUID(poll["poll_id"]) for poll in orjson.loads(row["polls"])),
            mock=row["mock"],
            error=error[:500],
        )
        await service.outbox.put(tx, [events.run_ended(failed, traceparent())])
    metrics.RUNS.labels("failed").inc()
