"""The weekly sweep: asks the owners of each class, waits until all have answered, and says what each did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clawback_common.alerts import alert_state
from clawback_common.errors import Conflict, Stop, Transient
from clawback_common.postgres.pool import Row
from clawback_common.service import jobs, leases
from clawback_common.service.process import ExitCode, ShutdownEvent
from retention import use_cases
from retention.domain.policy import by_class
from retention.domain.sweep import Sweep
from retention.storage import answers, holds
from retention.use_cases import Service, console

LOOK_S = 0.2
LOOK_S_MAX = 1.0
LEASE = "sweep job"
"""Not that of the sweeper of our own runs, in the same database."""
COUNTS = ("found", "removed", "archived", "held", "kept")

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class SweepJob:
    """One sweep over one class or all: how long it may wait, and whom it tells how it goes."""

    service: Service
    stopping: ShutdownEvent
    say: Say
    wait: timedelta

    async def asked(self, data_class: str | None, *, dry_run: bool, cause: str, by: str) -> int:
        """Sweeps; gives the exit code. Two at once: one works, the other says so.

        The lease of a process that was killed is free at once; that of a frozen one after some seconds, which the next
        waits for.
        """
        db, clock = self.service.db, self.service.clock
        async with (
            jobs.run(db, clock, "sweep", cause=cause, subject=by) as job,
            leases.alone(db, LEASE, patient=True) as alone,
        ):
            if not alone:
                job.skipped("another sweep is at work")
                self.say("another sweep is at work; this one has nothing to do")
                return ExitCode.OK
            policies = by_class(self.service.policies, data_class)
            try:
                asked = await use_cases.sweeps_requested(
                    policies, self.service, by=by, cause=cause, dry_run=dry_run
                )
            except Conflict as error:
                raise Stop(
                    f"nothing is swept: {error}. Run the job with the settings of the worker"
                ) from None
            await self._tell(asked)
            told = await self._until_answered(asked)
            return await self._ended(asked, told, job)

    async def _tell(self, asked: Sequence[Sweep]) -> None:
        held = await holds.counts(self.service.db)
        for sweep in asked:
            self.say(console.asked(sweep, held.get(sweep.data_class, 0)))

    async def _until_answered(self, asked: Sequence[Sweep]) -> list[Row]:
        """Waits for every owner's answer, at most as long as it may. Gives the answers."""
        until = self.service.clock.now() + self.wait
        wanted = sum(len(sweep.owners) for sweep in asked)
        said: dict[tuple[UUID, str], datetime] = {}
        found: list[Row] = []
        warned, look_s = False, LOOK_S
        while True:
            try:
                found = await answers.of_sweeps(self.service.db, [sweep.sweep_id for sweep in asked])
                warned = warned or (len(found) < wanted and await self._warn_without_worker())
            except Transient as error:
                self.say(f"{error}; waiting for it")
            if self._say_news(asked, found, said):
                look_s = LOOK_S
            if len(found) >= wanted or self.service.clock.now() >= until:
                return found
            if await self.stopping.sleep(look_s):
                self.say("asked to end; the requests are out, and the worker takes the answers")
                return found
            look_s = min(look_s * 1.5, LOOK_S_MAX)

    def _say_news(
        self, asked: Sequence[Sweep], found: Sequence[Row], said: dict[tuple[UUID, str], datetime]
    ) -> bool:
        by_id = {sweep.sweep_id: sweep for sweep in asked}
        news = [row for row in found if said.get((row["sweep_id"], row["owner"])) != row["received_at"]]
        for row in news:
            said[row["sweep_id"], row["owner"]] = row["received_at"]
            self.say(console.answered(by_id[row["sweep_id"]], row))
        return bool(news)

    async def _warn_without_worker(self) -> bool:
        silent = await alert_state.silence(self.service.db, "worker", self.service.clock.now())
        if silent:
            self.say(
                f"WARNING: no worker heartbeat ({silent}); requests will not be sent until `retention worker` runs"
            )
        return silent is not None

    async def _ended(self, asked: Sequence[Sweep], told: Sequence[Row], job: jobs.Run) -> int:
        for line in console.table(asked, told):
            self.say(line)
        failed = sum(row["outcome"] == "failed" for row in told)
        silent = sum(len(sweep.owners) for sweep in asked) - len(told)
        job.count(**{name: sum(row[name] for row in told) for name in COUNTS}, failed=failed, silent=silent)
        if not failed and not silent:
            return ExitCode.OK
        job.needs_attention(f"{failed} answers of owners were failures, {silent} did not come")
        if silent:
            self.say(f"{silent} answers did not come in time; requests are sent again until they do")
        return ExitCode.ATTENTION
