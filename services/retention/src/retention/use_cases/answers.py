"""Answers of owners: each is saved, and a sweep is closed when every owner has answered."""

from collections.abc import Mapping
from uuid import UUID

from clawback_common.kafka.envelope import Batch
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed
from retention.domain.sweep import Sweep, newest
from retention.gateways import metrics
from retention.storage import answers, holds, sweeps
from retention.use_cases.holds import save_unknown_holds
from retention.use_cases.service import Service


async def on_answers(batch: Batch[SweepAnswer], service: Service) -> None:
    """Saves the answers of owners, in any order and with repeats.

    An answer that matches no request is counted and ignored: a restored database may have lost the request, and known
    requests are sent again.
    """
    async with service.db.transaction() as tx:
        if any(isinstance(one.value, SweepFailed) and one.value.omitted_holds for one in batch):
            await holds.lock(tx)
        now = service.clock.now()
        requested = await sweeps.lock_existing(tx, {one.value.sweep_id for one in batch})
        matching = [one.value for one in batch if _matches(one.value, requested)]
        new = await answers.save(tx, newest(matching), now) if matching else set[tuple[UUID, str]]()
        for failed in (one for one in matching if isinstance(one, SweepFailed) and one.omitted_holds):
            await save_unknown_holds(tx, failed, now)
        closed = await sweeps.close_if_complete(tx, {sweep_id for sweep_id, _ in new}, now) if new else []
    metrics.UNMATCHED.inc(len(batch) - len(matching))
    for answer in newest(matching):
        if (answer.sweep_id, answer.owner) in new:
            outcome = "completed" if isinstance(answer, SweepCompleted) else "failed"
            metrics.ANSWERS.labels(answer.owner, outcome).inc()
    for row in closed:
        metrics.CLOSED.labels(row["data_class"], row["state"]).inc()


def _matches(answer: SweepAnswer, requested: Mapping[UUID, Sweep]) -> bool:
    """Whether this owner was sent exactly this request."""
    sweep = requested.get(answer.sweep_id)
    return (
        sweep is not None
        and answer.owner in sweep.owners
        and answer.attempt <= sweep.attempt
        and (answer.data_class, answer.action, answer.dry_run)
        == (sweep.data_class, sweep.action, sweep.dry_run)
    )
