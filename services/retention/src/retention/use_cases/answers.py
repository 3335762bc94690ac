"""Answers: each is folded into its row, and a sweep is closed when every owner has answered."""

from collections.abc import Mapping
from uuid import UUID

from clawback_common.kafka.envelope import Batch
from clawback_contracts.sweep.v1 import SweepAnswer, SweepCompleted, SweepFailed
from retention.domain.sweep import Sweep, newest
from retention.gateways import metrics
from retention.storage import answers, holds, sweeps
from retention.use_cases.holds import adopt
from retention.use_cases.service import Service


async def on_answers(batch: Batch[SweepAnswer], service: Service) -> None:
    """Note what owners answered, however often and in whichever order it comes.

    An answer to what we did not ask is counted and passed by: after a restore we may have forgotten the question,
    and what we know of is asked again.
    """
    async with service.db.transaction() as tx:
        if any(isinstance(one.value, SweepFailed) and one.value.omitted_holds for one in batch):
            await holds.alone(tx)
        now = service.clock.now()
        asked = await sweeps.take(tx, {one.value.sweep_id for one in batch})
        fitting = [one.value for one in batch if _fits(one.value, asked)]
        news = await answers.put(tx, newest(fitting), now) if fitting else set[tuple[UUID, str]]()
        for failed in (one for one in fitting if isinstance(one, SweepFailed) and one.omitted_holds):
            await adopt(tx, failed, now)
        closed = await sweeps.close_if_complete(tx, {sweep_id for sweep_id, _ in news}, now) if news else []
    metrics.STRAY.inc(len(batch) - len(fitting))
    for answer in newest(fitting):
        if (answer.sweep_id, answer.owner) in news:
            outcome = "completed" if isinstance(answer, SweepCompleted) else "failed"
            metrics.ANSWERS.labels(answer.owner, outcome).inc()
    for row in closed:
        metrics.CLOSED.labels(row["data_class"], row["state"]).inc()


def _fits(answer: SweepAnswer, asked: Mapping[UUID, Sweep]) -> bool:
    """Whether this owner was asked to do just that."""
    sweep = asked.get(answer.sweep_id)
    return (
        sweep is not None
        and answer.owner in sweep.owners
        and answer.attempt <= sweep.attempt
        and (answer.data_class, answer.action, answer.dry_run)
        == (sweep.data_class, sweep.action, sweep.dry_run)
    )
