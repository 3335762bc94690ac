"""The weekly sweep: requests it from the owners of each class, waits for all answers, and reports them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.alerts import alert_state
from clawback_common.errors import Conflict, Stop, Transient
from clawback_common.postgres.pool import Row
from clawback_common.service import jobs, leases
from clawback_common.service.process import ExitCode, ShutdownEvent
from retention.domain.policy import by_class
from retention.domain.sweep import Sweep
from retention.storage import answers, holds
from retention.use_cases import console, sweeps
from retention.use_cases.service import Service

POLL_S = 0.2
POLL_S_MAX = 1.0
LEASE = "sweep job"
"""Differs from the lease of the sweeper for retention's own job runs, which uses the same database."""

Write = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class SweepJob:
    """One sweep of one class or all, with its timeout and its output."""

    service: Service
    stopping: ShutdownEvent
    write: Write
    wait: timedelta

    async def run(self, data_class: str | None, *, dry_run: bool, cause: str, by: str) -> int:
        """Sweeps, and returns the exit code. If another sweep is running, it reports that and does nothing.

        The lease of a killed process is released immediately, that of a suspended one after some seconds;
        the next process waits for it.
        """
        db, clock = self.service.db, self.service.clock
        async with (
            jobs.run(db, clock, "sweep", cause=cause, subject=by) as job,
            leases.alone(db, LEASE, patient=True) as alone,
        ):
            if not alone:
                job.skipped("another sweep is running")
                self.write("another sweep is running; nothing to do")
                return ExitCode.OK
            policies = by_class(self.service.policies, data_class)
            try:
                requested = await sweeps.sweeps_requested(
                    policies, self.service, by=by, cause=cause, dry_run=dry_run
                )
            except Conflict as error:
                raise Stop(
                    f"nothing was swept: {error}. Run the job with the settings of the worker"
                ) from None
            await self._report_requests(requested)
            rows = await self._wait_for_answers(requested)
            return await self._finish(requested, rows, job)

    async def _report_requests(self, requested: Sequence[Sweep]) -> None:
        held = await holds.counts(self.service.db)
        for sweep in requested:
            self.write(console.request_line(sweep, held.get(sweep.data_class, 0)))

    async def _wait_for_answers(self, requested: Sequence[Sweep]) -> list[Row]:
        """Waits for the answers of all owners, until the timeout.

        Returns:
            The answers.
        """
        until = self.service.clock.now() + self.wait
        wanted = sum(len(sweep.owners) for sweep in requested)
        reported: dict[tuple[UUID, str], datetime] = {}
        found: list[Row] = []
        warned, poll_s = False, POLL_S
        while True:
            try:
                found = await answers.of_sweeps(self.service.db, [sweep.sweep_id for sweep in requested])
                warned = warned or (len(found) < wanted and await self._warn_without_worker())
            except Transient as error:
                self.write(f"{error}; waiting")
            if self._report_new(requested, found, reported):
                poll_s = POLL_S
            if len(found) >= wanted or self.service.clock.now() >= until:
                return found
            if await self.stopping.sleep(poll_s):
                self.write("stopped; the requests were sent, and the worker processes the answers")
                return found
            poll_s = min(poll_s * 1.5, POLL_S_MAX)

    def _report_new(
        self, requested: Sequence[Sweep], found: Sequence[Row], reported: dict[tuple[UUID, str], datetime]
    ) -> bool:
        by_id = {sweep.sweep_id: sweep for sweep in requested}
        new = [row for row in found if reported.get((row["sweep_id"], row["owner"])) != row["received_at"]]
        for row in new:
            reported[row["sweep_id"], row["owner"]] = row["received_at"]
            self.write(console.answer_line(by_id[row["sweep_id"]], row))
        return bool(new)

    async def _warn_without_worker(self) -> bool:
        silent = await alert_state.silence(self.service.db, "worker", self.service.clock.now())
        if silent:
            self.write(
                f"WARNING: no worker heartbeat ({silent}); requests will not be sent until `retention worker` runs"
            )
        return silent is not None

    async def _finish(self, requested: Sequence[Sweep], rows: Sequence[Row], job: jobs.Run) -> int:
        for line in console.table(requested, rows):
            self.write(line)
        failed = sum(row["outcome"] == "failed" for row in rows)
        silent = sum(len(sweep.owners) for sweep in requested) - len(rows)
        job.count(
            **{name: sum(row[name] for row in rows) for name in console.COLUMNS}, failed=failed, silent=silent
        )
        if not failed and not silent:
            return ExitCode.OK
        job.needs_attention(f"{failed} owners failed, {silent} did not answer")
        if silent:
            self.write(f"{silent} owners did not answer in time; requests are sent again until they do")
        return ExitCode.ATTENTION
