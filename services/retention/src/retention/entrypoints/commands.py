"""The CLI commands of retention."""

import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clawback_common.service.arguments import minutes
from clawback_common.service.definition import Command
from clawback_common.service.process import ExitCode, ShutdownEvent
from retention.domain.classes import CLASSES
from retention.storage import holds
from retention.use_cases.service import Service
from retention.use_cases.sweep_job import SweepJob

HOLDS_LISTED = 1_000
_END = datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1)


def write_line(line: str) -> None:
    """Writes a line to stdout and flushes it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def sweep_command(service: Service, chosen: Namespace, stopping: ShutdownEvent) -> int:
    """``retention sweep``: requests a sweep and waits for the answers.

    Returns:
        0 if all owners completed it, 3 if one failed or did not answer.
    """
    job = SweepJob(service, stopping, write_line, timedelta(minutes=chosen.wait))
    return await job.run(chosen.data_class, dry_run=chosen.dry_run, cause="schedule", by="command")


async def holds_command(service: Service, chosen: Namespace, _: ShutdownEvent) -> int:
    """``retention holds``: prints one line per hold in force."""
    ended_too: bool = chosen.all
    rows = await holds.page(service.db, _END, HOLDS_LISTED, None, ended_too=ended_too)
    for row in rows:
        write_line(
            f"{row['hold_id']}  {row['data_class']:<20}{row['state']:<11}"
            f"{_scope(row['articles'], row['dated_from'], row['dated_until']):<40}"
            f"placed {row['placed_at']:%Y-%m-%d %H:%M} UTC by {row['placed_by']}"
        )
    if not rows:
        write_line("there are no holds" if ended_too else "no holds are in force")
    return ExitCode.OK


def _scope(articles: int, dated_from: datetime | None, dated_until: datetime | None) -> str:
    if articles:
        return f"{articles} articles"
    if dated_from is None and dated_until is None:
        return "everything"
    start = f"{dated_from:%Y-%m-%d}" if dated_from else "the beginning"
    end = f"{dated_until:%Y-%m-%d}" if dated_until else "further notice"
    return f"from {start} until {end}"


def _sweep_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--class", dest="data_class", choices=sorted(CLASSES), help="sweep only this class")
    parser.add_argument("--dry-run", action="store_true", help="count what would be deleted; delete nothing")
    parser.add_argument(
        "--wait",
        type=minutes,
        default=15.0,
        metavar="MIN",
        help="minutes to wait for the owners' answers (default 15)",
    )


def _holds_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="include holds that have ended")


COMMANDS = (
    Command(
        "sweep",
        "run the weekly sweep: request it from the owners, wait, report their answers",
        sweep_command,
        _sweep_arguments,
    ),
    Command("holds", "list the legal holds in force", holds_command, _holds_arguments),
)
