"""The daily check: polls every feed of revocations, waits until the takedowns are closed, and records the result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from clawback_common.alerts import alert_state
from clawback_common.errors import ClawbackError
from clawback_common.service import jobs, leases
from clawback_common.service.leases import LeaseLost
from clawback_common.service.process import ExitCode, ShutdownEvent
from compliance.gateways.ingester import Ingester, Poll
from compliance.storage import notices, runs
from compliance.storage.notices import Progress
from compliance.use_cases.runs import check_completed, check_failed, check_started
from compliance.use_cases.service import Service

LEASE = "run"
CHECK_S = 0.2
CHECK_S_MAX = 1.0

Output = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Check:
    """One check, with its time limit and its output function."""

    service: Service
    ingester: Ingester
    stopping: ShutdownEvent
    output: Output
    wait: timedelta

    async def asked(self, cause: str, requested_by: str) -> int:
        """Requests a run and executes it; returns the exit code. If another run is active, it does nothing.

        The lease of a frozen or lost process expires within seconds; this function waits for it.
        """
        run_id, service = uuid4(), self.service
        try:
            async with leases.alone(service.db, LEASE, patient=True) as alone:
                if not alone:
                    self.output("another run is active; nothing to do")
                    return ExitCode.OK
                now = service.clock.now()
                await runs.request(service.db, run_id, cause, requested_by, now, mock=service.settings.mock)
                return await self._recorded(run_id, cause, requested_by)
        except LeaseLost as error:
            self.output(f"FAILED: {error}")
            return ExitCode.ATTENTION

    async def requested(self) -> None:
        """Executes the oldest requested run, if there is one and no run is active."""
        run_id = await runs.next_requested(self.service.db)
        if run_id is None:
            return
        async with leases.alone(self.service.db, LEASE) as alone:
            if alone:
                row = await runs.one(self.service.db, run_id)
                if row is not None:
                    await self._recorded(run_id, row["cause"], row["requested_by"])

    async def _recorded(self, run_id: UUID, cause: str, requested_by: str) -> int:
        async with jobs.run(
            self.service.db, self.service.clock, "run", cause=cause, subject=requested_by
        ) as job:
            code = await self._run(run_id, job)
            if code == ExitCode.RETRY:
                job.outcome, job.note = "failed", "see the run's error"
            elif code == ExitCode.ATTENTION:
                job.needs_attention("obligations are open or overdue")
            return code

    async def _run(self, run_id: UUID, job: jobs.Run) -> int:
        if not await check_started(run_id, self.service):
            self.output(f"run {run_id} was started by another process")
            return ExitCode.OK
        self.output(
            f"run {run_id} begins"
            + (" (COMPLIANCE=mock: not evidence)" if self.service.settings.mock else "")
        )
        try:
            polls = await self._polls(run_id)
            job.count(noticed=sum(poll.noticed for poll in polls))
            progress = await self._until_closed(polls)
        except (ClawbackError, TimeoutError) as error:
            words = str(error) or "the poll timed out"
            await check_failed(run_id, words, self.service)
            self.output(f"FAILED: {words}")
            return ExitCode.RETRY
        except BaseException as error:
            await check_failed(run_id, f"ended by {type(error).__name__}", self.service)
            raise
        return await self._ended(run_id, polls, progress, job)

    async def _polls(self, run_id: UUID) -> list[Poll]:
        feeds = self.service.settings.feed_names or await self.ingester.revocation_feeds()
        if not feeds:
            raise CannotCheck("the ingester has no feed of revocations, so nothing was checked")
        polls: list[Poll] = []
        recorded_polls = []
        for feed in feeds:
            self.output(f"polling {feed} …")
            poll = await self.ingester.poll(feed)
            if not poll.caught_up:
                raise CannotCheck(f"the poll of {feed} ended before it reached the end of the feed")
            self.output(f"{feed}: caught up, {poll.noticed} notices")
            polls.append(poll)
            recorded_polls.append({"feed": feed, "poll_id": str(poll.poll_id), "noticed": poll.noticed})
            await runs.polled(self.service.db, run_id, recorded_polls, sum(one.noticed for one in polls))
        return polls

    async def _until_closed(self, polls: Sequence[Poll]) -> Progress:
        """Waits until the polls' notices are recorded and their obligations closed, at most until the time limit."""
        noticed = sum(poll.noticed for poll in polls)
        until = self.service.clock.now() + self.wait
        printed, warned, check_s = "", False, CHECK_S
        while True:
            progress = await notices.of_polls(self.service.db, [poll.poll_id for poll in polls])
            total = progress.open + progress.closed
            line = f"{progress.recorded} of {noticed} notices recorded, {progress.closed} of {total} obligations closed"
            if line != printed and noticed:
                self.output(line)
                printed, check_s = line, CHECK_S
            if progress.recorded >= noticed and not progress.open:
                return progress
            if self.service.clock.now() >= until:
                return progress
            warned = warned or await self._warn_without_worker()
            if await self.stopping.sleep(check_s):
                raise CannotCheck("stopped before the check was complete")
            check_s = min(check_s * 1.5, CHECK_S_MAX)

    async def _warn_without_worker(self) -> bool:
        silent = await alert_state.silence(self.service.db, "worker", self.service.clock.now())
        if silent:
            self.output(
                f"WARNING: no worker heartbeat ({silent}); notices will not be processed until `compliance worker` runs"
            )
        return silent is not None

    async def _ended(self, run_id: UUID, polls: Sequence[Poll], progress: Progress, job: jobs.Run) -> int:
        completed = await check_completed(run_id, polls, progress, self.service)
        if completed is None:
            self.output("another process has ended this run")
            return ExitCode.ATTENTION
        job.count(closed=completed.closed, open=completed.open, overdue=completed.overdue)
        self.output(
            f"run completed: {completed.noticed} notices, {completed.closed} obligations closed, "
            f"{completed.open} open, {completed.overdue} overdue"
        )
        return ExitCode.ATTENTION if completed.open or completed.overdue else ExitCode.OK


class CannotCheck(ClawbackError):
    """The check cannot be completed; it can be repeated."""
