"""The owner's side of a sweep: stores the request, processes it in one worker at a time, and answers it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import orjson
import structlog

from clawback_common.alerts import messages
from clawback_common.clock import Clock
from clawback_common.errors import Conflict, Poison, Stop, Transient
from clawback_common.kafka.envelope import Batch, Message, Received
from clawback_common.kafka.subscription import Subscription
from clawback_common.messaging.outbox.priority import PriorityOutbox
from clawback_common.postgres import Database, Queries, Transaction
from clawback_common.postgres.pool import Row
from clawback_common.postgres.rows import columns
from clawback_common.retention import bounds, known_holds, maintenance
from clawback_common.retention.aged import AgedTableClass
from clawback_common.retention.bounds import SweepRefused
from clawback_common.retention.classes import DataClass, Progress, SweepCounts
from clawback_common.retry import Retry
from clawback_common.service import leases
from clawback_common.service.leases import LeaseLost
from clawback_common.service.loops import Loop
from clawback_common.service.waking import Sleeper
from clawback_common.telemetry import counter, describe, histogram, span, traceparent
from clawback_contracts.envelope import event_id
from clawback_contracts.sweep.v1 import (
    HoldsChanged,
    SweepAnswer,
    SweepCompleted,
    SweepFailed,
    SweepRequested,
    TableSize,
)

SQL = Queries.load(__package__, "sweep")
LEASE = "sweeps"
TRIES = Retry(attempts=10, first_delay_ms=1_000, factor=3, delay_ms_max=600_000)
"""About an hour; then the sweep fails, a person is notified, and a repeated request continues from there."""
LOOK_S = 2.0
"""Polling interval for requests that another worker has stored; a worker's own requests wake it at once."""
KEPT = timedelta(days=90)
"""How long a finished task is kept, to be answered again: longer than a request stays on its topic."""
ENDED_HOLDS_KEPT = timedelta(days=365)
"""How long it is recorded who ended a hold, and when."""
SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)

_REMOVED = counter("sweep_removed_total", "Records that sweeps removed.", ("data_class",))
_TOOK = histogram(
    "sweep_seconds", "From the start of a sweep to its answer.", ("data_class",), buckets=SECONDS
)
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A request that this worker is processing."""

    request: SweepRequested
    started_at: datetime
    failures: int
    progress: Mapping[str, Any]


class Sweeper:
    """The sweeps of one service. Add ``subscription`` and ``loop`` to the spec of its worker."""

    def __init__(
        self,
        service_name: str,
        db: Database,
        clock: Clock,
        orders_outbox: PriorityOutbox,
        classes: Sequence[DataClass] = (),
        ages_min_d: Mapping[str, float] | None = None,
    ) -> None:
        """Set the service and its classes of data.

        Args:
            service_name: its name in ``SweepRequested.owners``.
            db: the service's own.
            clock: for the times.
            orders_outbox: sends the answers.
            classes: the classes that it owns, besides the job runs.
            ages_min_d: minimum ages in days by class, instead of those of the classes.
        """
        self._service = service_name
        self._db = db
        self._clock = clock
        self._outbox = orders_outbox
        runs = AgedTableClass(db=db, name="job_runs", table="job_run", key="id", dated_by="ended_at")
        self._classes: dict[str, DataClass] = {one.name: one for one in (*classes, runs)}
        if len(self._classes) != len(classes) + 1:
            raise Stop(f"{service_name} declares a class of data twice")
        self._ages_min = {name: bounds.age_min(one, ages_min_d or {}) for name, one in self._classes.items()}
        self._sleeper = Sleeper()
        self._me = uuid4()

    def subscription(self) -> Subscription:
        """The requests, with a consumer group of their own."""
        events = (SweepRequested, HoldsChanged)
        return Subscription(SweepRequested.TOPIC, events, self.requested, lane="sweeps")

    def loop(self) -> Loop:
        """Processes the tasks. Interrupted at shutdown; the next process continues."""
        return Loop("sweeps", 0.01, self._work, interrupt=True)

    async def requested(self, batch: Batch[SweepRequested | HoldsChanged]) -> None:
        """Store the requests and the holds that they name; answer completed sweeps again."""
        newest: dict[UUID, Received[SweepRequested]] = {}
        for one in _requests(batch):
            if self._service in one.value.owners:
                held = newest.get(one.value.sweep_id)
                newest[one.value.sweep_id] = max(held or one, one, key=lambda r: r.value.attempt)
        async with self._db.transaction() as tx:
            for event in (one.value for one in batch if one.value.data_class in self._classes):
                await known_holds.update(
                    tx, event.data_class, event.holds, event.ended_holds, self._clock.now()
                )
            if not newest:
                return
            ended = [row for row in await self._note(tx, list(newest.values())) if row["outcome"]]
            await self._outbox.put(
                tx,
                [self._message(_again(row, newest[row["sweep_id"]].value.attempt)) for row in ended],
                again=True,
            )
            tx.on_commit(self._sleeper.wake)

    async def _note(self, tx: Transaction, received: Sequence[Received[SweepRequested]]) -> list[Row]:
        requests = [one.value for one in received]
        return await tx.fetch(
            SQL["note"],
            *columns(requests, "sweep_id data_class action"),
            [one.model_dump_json(exclude_none=True) for one in requests],
            [one.attempt for one in requests],
            [one.traceparent for one in received],
            self._clock.now(),
        )

    async def _work(self) -> None:
        await self._sleeper.sleep(LOOK_S)
        await self.process_due()
        await self._db.execute(SQL["purge"], self._clock.now() - KEPT)
        await known_holds.purge(self._db, self._clock.now() - ENDED_HOLDS_KEPT)

    async def process_due(self) -> None:
        """Process until no task is due, unless another worker does."""
        while await self._db.fetchval(SQL["due"], self._clock.now()):
            try:
                async with leases.alone(self._db, LEASE) as alone:
                    if not alone:
                        return
                    await self._one()
            except LeaseLost as error:
                _log.warning("another worker continues the sweep", error=error)
                return

    async def _one(self) -> None:
        row = await self._db.fetchrow(SQL["take"], self._clock.now(), self._me)
        if row is None:
            return
        request = SweepRequested.model_validate_json(row["request"])
        task = Task(request, row["started_at"], row["failures"], orjson.loads(row["progress"]))
        began = time.monotonic()
        attributes = {"sweep.class": request.data_class, "sweep.action": request.action}
        with span("sweep", parent=row["traceparent"], attributes=attributes):
            answer = await self._process(task)
            if answer is not None and await self._end(answer):
                _TOOK.labels(self._label(request)).observe(time.monotonic() - began)

    async def _process(self, task: Task) -> SweepAnswer | None:
        """Return the answer; None when the task must be processed again."""
        try:
            return await self._done(task)
        except Conflict:
            return None
        except Transient as error:
            if task.failures + 1 < TRIES.attempts:
                await self._postpone(task, error)
                return None
            return self._failed(task, error)
        except SweepRefused as refused:
            refusal = {"refused": True, "omitted_holds": bounds.fitting(refused.omitted)}
            return self._failed(task, refused).model_copy(update=refusal)
        except Exception as error:  # noqa: BLE001 - any error must be reported to the requester
            return self._failed(task, error)

    async def _done(self, task: Task) -> SweepCompleted:
        request, owned = task.request, self._classes.get(task.request.data_class)
        if owned is None:
            raise Poison("class_unknown", f"{self._service} owns no class of this name")
        if not request.action.removes:
            sizes = await maintenance.run_maintenance(
                self._db, owned.tables, request.action, dry_run=request.dry_run
            )
            return self._completed(task, SweepCounts(0, 0), sizes)
        await bounds.require_allowed(self._db, owned, request, self._ages_min[owned.name], self._clock.now())
        if request.dry_run:
            return self._completed(task, await owned.count(request))
        progress = Progress(task.progress, self._keeper(request))
        removed_before = progress.count("removed")
        counts = await owned.remove(request, progress)
        _REMOVED.labels(owned.name).inc(max(0, counts.removed - removed_before))
        return self._completed(task, counts)

    def _keeper(self, request: SweepRequested) -> Any:
        async def keep(tx: Transaction, notes: Mapping[str, Any]) -> None:
            noted = orjson.dumps(notes).decode()
            if not await tx.fetchval(SQL["progress"], request.sweep_id, self._me, request.attempt, noted):
                raise Conflict("the sweep was requested again, or another worker has it")

        return keep

    def _completed(self, task: Task, counts: SweepCounts, tables: Sequence[TableSize] = ()) -> SweepCompleted:
        return SweepCompleted(**self._common(task), **counts._asdict(), tables=tuple(tables))

    def _failed(self, task: Task, error: Exception) -> SweepFailed:
        _log.error("a sweep failed", data_class=self._label(task.request), error=error)
        return SweepFailed(**self._common(task), error=describe(error)[:500])

    def _common(self, task: Task) -> dict[str, Any]:
        request = task.request
        return {
            "sweep_id": request.sweep_id,
            "data_class": request.data_class,
            "owner": self._service,
            "action": request.action,
            "dry_run": request.dry_run,
            "started_at": task.started_at,
            "ended_at": self._clock.now(),
            "attempt": request.attempt,
        }

    async def _end(self, answer: SweepAnswer) -> bool:
        """Store the end and queue the answer; return False when the sweep was requested again meanwhile."""
        outcome = "failed" if isinstance(answer, SweepFailed) else "completed"
        async with self._db.transaction() as tx:
            ended = await tx.fetchval(
                SQL["end"],
                answer.sweep_id,
                self._me,
                answer.attempt,
                answer.ended_at,
                outcome,
                answer.model_dump_json(exclude_none=True),
            )
            if ended is not None:
                refused = isinstance(answer, SweepFailed) and answer.refused
                alert = [self._refusal(answer.data_class, answer.sweep_id, answer.attempt)] if refused else []
                await self._outbox.put(tx, [self._message(answer), *alert], again=True)
        return ended is not None

    async def _postpone(self, task: Task, error: Transient) -> None:
        failures = task.failures + 1
        wait = timedelta(seconds=max(TRIES.delay_s(failures), error.retry_after_s or 0))
        _log.warning("sweep postponed", data_class=self._label(task.request), failures=failures, error=error)
        await self._db.execute(SQL["postpone"], task.request.sweep_id, self._me, self._clock.now() + wait)

    def _message(self, answer: SweepAnswer) -> Message:
        identity = event_id("sweep", answer.sweep_id, answer.owner, answer.attempt)
        return Message.of(answer, identity, at=self._clock.now(), traceparent=traceparent())

    def _refusal(self, data_class: str, sweep_id: UUID, attempt: int) -> Message:
        found = bounds.refused(self._service, data_class, sweep_id)
        raised = messages.raised(self._service, found, 1, self._clock.now())
        return replace(raised, event_id=event_id("alert", found.name, self._service, sweep_id, attempt))

    def _label(self, request: SweepRequested) -> str:
        """Return the class as a metric label, with few values whatever is requested."""
        return request.data_class if request.data_class in self._classes else "unknown"


def _requests(batch: Batch[SweepRequested | HoldsChanged]) -> list[Received[SweepRequested]]:
    return [cast("Received[SweepRequested]", one) for one in batch if isinstance(one.value, SweepRequested)]


def _again(row: Row, attempt: int) -> SweepAnswer:
    """Return the stored answer for the last attempt of the request."""
    kind = SweepFailed if row["outcome"] == "failed" else SweepCompleted
    return kind.model_validate_json(row["answer"]).model_copy(update={"attempt": attempt})
