"""Records every run of every job in the database of its service: cause, times, outcome, counts.

    async with jobs.run(db, clock, "poll:main", cause="schedule") as run:
        run.count(found=3)

The run ends with the block: `done`, or `failed` with the error that the block raised.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
import structlog

from clawback_common.clock import Clock
from clawback_common.errors import Conflict, Transient
from clawback_common.postgres import Database, Querier, Queries
from clawback_common.retry import Retry, retrying
from clawback_common.telemetry.describe import describe
from clawback_common.telemetry.metrics import counter, gauge
from clawback_common.telemetry.tracing import span

Outcome = Literal["running", "done", "failed", "skipped", "attention"]

BEAT_S = 15.0
"""Heartbeat interval; a heartbeat also stores the counts so far."""
DEAD_AFTER = timedelta(seconds=90)
"""A run without a heartbeat for this long has failed. Six intervals, so that a database restart is tolerated."""

_SQL = Queries.load(__package__, "jobs")
_RECORDING = Retry(attempts=5, first_delay_ms=250)
_RUNS = counter("job_runs_total", "Runs of jobs that ended", ("job", "outcome"))
_LAST_DONE = gauge("job_last_done_seconds", "Unix time at which the job last succeeded", ("job",))
_log = structlog.stdlib.get_logger(__name__)


class AlreadyRunning(Conflict):
    """The job is exclusive, and another run of it is running; this run is recorded as skipped."""


class Run:
    """A run in progress; its counts and notes are recorded."""

    def __init__(self, job: str) -> None:
        self.id = uuid4()
        self.job = job
        self.counts: dict[str, int] = {}
        self.retries = 0
        self.outcome: Outcome = "done"
        self.note: str | None = None

    def count(self, **amounts: int) -> None:
        """Add to the counts by name."""
        for name, amount in amounts.items():
            self.counts[name] = self.counts.get(name, 0) + amount

    def retried(self, _error: Exception | None = None) -> None:
        """Count a repeated attempt; can be used as `on_retry` of `retrying`."""
        self.retries += 1

    def needs_attention(self, note: str) -> None:
        """Mark the run as done, but requiring a person; the note says why, without content."""
        self.outcome, self.note = "attention", note

    def skipped(self, note: str) -> None:
        """Mark the run as skipped, because it could or should do nothing; the note says why."""
        self.outcome, self.note = "skipped", note


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded run."""

    id: UUID
    job: str
    cause: str
    subject: str | None
    started_at: datetime
    ended_at: datetime | None
    outcome: Outcome
    counts: dict[str, int]
    retries: int
    error: str | None


@contextlib.asynccontextmanager
async def run(
    db: Database, clock: Clock, job: str, *, cause: str, subject: str | None = None, exclusive: bool = False
) -> AsyncIterator[Run]:
    """Record a run around the block.

    Args:
        db: the service's own.
        clock: for the times.
        job: its name, from a small set, because it is a metric label.
        cause: `schedule`, `request`, `start`, …
        subject: what or whom it concerns; usually the caller.
        exclusive: refuse when a run of the job is running in any process.

    Raises:
        AlreadyRunning: only when `exclusive`.
        Transient: the database is unavailable, so the run cannot be recorded.
    """
    current = Run(job)
    await _begin(db, clock, current, cause, subject, exclusive=exclusive)
    beating = asyncio.create_task(_beat(db, clock, current), name=f"beat of {job}")
    try:
        with span(f"job {job}", attributes={"job.cause": cause}):
            yield current
    except BaseException as error:
        ended_by = "interrupted" if isinstance(error, asyncio.CancelledError) else describe(error)
        current.outcome, current.note = "failed", ended_by
        raise
    finally:
        beating.cancel()
        await _end(db, clock, current)


async def page(
    db: Querier,
    *,
    job: str | None = None,
    outcome: str | None = None,
    before: tuple[datetime | None, UUID | None] = (None, None),
    limit: int = 100,
) -> list[Record]:
    """Return runs, newest first; `before` is start time and id of the last run of the previous page."""
    rows = await db.fetch(_SQL["page"], job, outcome, *before, limit)
    return [Record(**{**row, "counts": orjson.loads(row["counts"])}) for row in rows]


async def last_done(db: Querier) -> dict[str, datetime]:
    """Return when each job last succeeded; a job that never did is left out."""
    return {row["job"]: row["ended_at"] for row in await db.fetch(_SQL["last_done"])}


async def _begin(
    db: Database, clock: Clock, current: Run, cause: str, subject: str | None, *, exclusive: bool
) -> None:
    now = clock.now()
    values = (current.id, current.job, cause, subject, exclusive, now)
    async with db.transaction() as tx:
        for row in await tx.fetch(_SQL["abandon"], current.job, now, now - DEAD_AFTER):
            _log.warning("a job run lost its heartbeat", job=current.job, run_id=row["id"])
            _RUNS.labels(job=current.job, outcome="failed").inc()
        begun = await tx.fetchval(_SQL["begin"], *values)
        if begun is None:
            await tx.execute(_SQL["skip"], *values)
    if begun is None:
        _RUNS.labels(job=current.job, outcome="skipped").inc()
        raise AlreadyRunning(f"{current.job} is already running")


async def _beat(db: Database, clock: Clock, current: Run) -> None:
    while True:
        await asyncio.sleep(BEAT_S)
        with contextlib.suppress(Transient, Conflict):
            await db.execute(_SQL["beat"], current.id, clock.now(), _counts(current), current.retries)


async def _end(db: Database, clock: Clock, current: Run) -> None:
    values: tuple[Any, ...] = (clock.now(), _counts(current), current.retries, current.note)
    try:
        await retrying(_RECORDING, lambda: db.execute(_SQL["end"], current.id, current.outcome, *values))
    except (Transient, Conflict) as error:
        # The next run finds it without a heartbeat. The error of the block itself must not be hidden.
        _log.error("the end of a run could not be recorded", job=current.job, error=error)
    _RUNS.labels(job=current.job, outcome=current.outcome).inc()
    if current.outcome in {"done", "attention"}:
        _LAST_DONE.labels(job=current.job).set(clock.now().timestamp())
    _log.info(
        "job ended",
        job=current.job,
        run_id=current.id,
        outcome=current.outcome,
        counts=current.counts,
        retries=current.retries,
        note=current.note,
    )


def _counts(current: Run) -> str:
    return orjson.dumps(current.counts).decode()
