"""A worker within the test's own process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from clawback_common.process import Stopping
from clawback_common.testing.waiting import until
from clawback_common.worker import Plan, Worker

DRAINED_S_MAX = 20.0


@asynccontextmanager
async def at_work(worker: Worker, plan: Plan) -> AsyncIterator[None]:
    """It is ready, or has ended by itself; asked to end after the block, and what it ended with is raised."""
    stopping = Stopping()
    task = asyncio.create_task(worker.run(plan, stopping))
    try:
        await until(lambda: ready(worker) or task.done(), what="ready")
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, DRAINED_S_MAX)


def ready(worker: Worker) -> bool:
    """Whether it has looked at its subscriptions and found all well."""
    return "subscriptions" in worker.probes.results and worker.probes.ready
