"""Compliance runs, which the API shows besides the counts."""

from analytics.storage import runs
from analytics.use_cases.service import Service
from clawback_common.kafka.envelope import Batch
from clawback_contracts.run.v1 import RunCompleted, RunFailed


async def on_runs(batch: Batch[RunCompleted | RunFailed], service: Service) -> None:
    """Saves how compliance runs ended."""
    ended = {one.value.run_id: one.value for one in batch}
    async with service.db.transaction() as tx:
        await runs.save(tx, list(ended.values()))
