"""Commands of compliance for schedulers and people, with their output."""

import sys
from argparse import ArgumentParser, Namespace
from datetime import timedelta

from clawback_common.service import jobs
from clawback_common.service.arguments import minutes
from clawback_common.service.definition import Command, OfflineCommand
from clawback_common.service.process import ExitCode, ShutdownEvent
from compliance.domain import condition
from compliance.entrypoints.archives import archive_arguments, archive_command
from compliance.storage import obligations, runs
from compliance.use_cases.daily_run import Check
from compliance.use_cases.service import Service
from compliance.use_cases.watching import watch_time


def print_line(line: str) -> None:
    """Prints a line and flushes it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def run_command(service: Service, chosen: Namespace, stopping: ShutdownEvent) -> int:
    """Runs ``compliance run``. Returns 0: all closed; 1: the provider failed; 3: something is open or overdue."""
    check = Check(service, service.ingester, stopping, print_line, timedelta(minutes=chosen.wait))
    return await check.asked("schedule", "command")


async def health_command(service: Service, _: Namespace, __: ShutdownEvent) -> int:
    """Runs ``compliance health``: closes expired obligations. Returns 0: nothing is late; 3: a person must act."""
    async with jobs.run(service.db, service.clock, "health", cause="schedule") as job:
        now = service.clock.now()
        found = await watch_time(service)
        last = await runs.last_completed(service.db)
        state = condition.run_state(last, now)
        print_line(f"last completed run: {last.isoformat(timespec='seconds') if last else 'never'} ({state})")
        failed = await runs.failed_in_a_row(service.db)
        if failed:
            print_line(f"runs that failed since: {failed}")
        for one in await obligations.lateness(service.db, now):
            print_line(f"{one.holder}: {one.overdue} overdue, {one.at_risk} at risk")
        for counted in await obligations.counts(service.db):
            print_line(
                f"obligations{' of expiry holders' if counted.by_time else ''}, {counted.state}: {counted.obligations}"
            )
        for condition_ in found:
            print_line(f"{condition_.severity.value}: {condition_.summary}")
        if service.settings.mock:
            print_line("COMPLIANCE=mock: this is not evidence")
        if not found and state == "ok" and not failed:
            print_line("nothing is overdue or at risk")
            return ExitCode.OK
        job.needs_attention("runs or obligations are late, runs fail, or no run ever completed")
        return ExitCode.ATTENTION


def _run_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        type=minutes,
        default=15.0,
        metavar="MIN",
        help="how long to wait for obligations to close (default 15)",
    )


COMMANDS = (
    Command(
        "run",
        "poll every revocation feed, wait for the takedowns, and record the result",
        run_command,
        _run_arguments,
    ),
    Command("health", "report what is late; close expired obligations", health_command),
)
OFFLINE_COMMANDS = (
    OfflineCommand("archive", "verify or print archived records", archive_command, archive_arguments),
)
