"""The command line of a service: its roles, and the exit codes for schedulers."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from clawback_common.postgres import Database
from clawback_common.postgres.migrate import migrate
from clawback_common.service import dead_letters
from clawback_common.service.definition import Command, OfflineCommand, ServiceDefinition
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ExitCode, ShutdownEvent, load_or_exit, run
from clawback_common.service.work import work

T = TypeVar("T", bound=ServiceObjects[Any])
Phase = Literal["pre", "post"]
PHASES: dict[str, tuple[Phase, ...]] = {"pre": ("pre",), "post": ("post",), "all": ("pre", "post")}
EXIT_CODES = (
    "0 done, 1 failed and worth a retry, 2 wrong usage or configuration, 3 done, but a person must act."
)


def main(definition: ServiceDefinition[Any, Any], arguments: Sequence[str] | None = None) -> int:
    """Run one role until it ends.

    Args:
        definition: of the service.
        arguments: of the command line; None: those of this process.

    Returns:
        The exit code.
    """
    chosen = parser_of(definition).parse_args(arguments)
    for command in definition.offline_commands:
        if chosen.role == command.name:
            return command.run(chosen)
    settings = load_or_exit(definition.settings)

    async def role(stopping: ShutdownEvent) -> int:
        async with definition.open(settings) as service:
            return await run_role(definition, service, chosen, stopping)

    return run(role, service=definition.name, settings=settings)


def parser_of(definition: ServiceDefinition[Any, Any]) -> argparse.ArgumentParser:
    """Return the parser of the service's command line."""
    parser = argparse.ArgumentParser(
        prog=definition.name, description=definition.description, epilog=f"Exit codes: {EXIT_CODES}"
    )
    roles = parser.add_subparsers(dest="role", required=True, metavar="ROLE")
    roles.add_parser("worker", help="consume the topics and run what is scheduled")
    roles.add_parser("api", help="serve HTTP")
    roles.add_parser("migrate", help="run the pending migrations").add_argument(
        "--phase", choices=PHASES, default="all", help="before or after the new code starts"
    )
    commands: list[Command[Any] | OfflineCommand] = [*definition.commands, *definition.offline_commands]
    for command in commands:
        command.arguments(roles.add_parser(command.name, help=command.help))
    roles.add_parser("replay-dlq", help="reprocess the quarantined records")
    roles.add_parser(
        "accept-gap",
        help="skip records that Kafka deleted before they were processed (stop the workers first)",
    )
    return parser


async def run_role(
    definition: ServiceDefinition[Any, T], service: T, chosen: argparse.Namespace, stopping: ShutdownEvent
) -> int:
    """Run the selected role and return the exit code."""
    match chosen.role:
        case "worker":
            await work(definition, service, stopping)
        case "api":
            # Only this role imports FastAPI, so that a worker is ready sooner.
            from clawback_common.service.api import serve_api  # noqa: PLC0415

            await serve_api(definition, service, stopping)
        case "migrate":
            await bring_up_to_date(definition, service.db, PHASES[chosen.phase])
        case "replay-dlq":
            return await dead_letters.replay(definition, service, _print)
        case "accept-gap":
            return await dead_letters.accept_gap(definition, service, _print)
        case name:
            command = next(one for one in definition.commands if one.name == name)
            return await command.run(service, chosen, stopping)
    return ExitCode.OK


async def bring_up_to_date(
    definition: ServiceDefinition[Any, Any], db: Database, phases: Sequence[Phase]
) -> None:
    """Run the pending migrations and print their names."""
    ran = await migrate(db, definition.all_migrations(), phases)
    _print(f"migrations run: {', '.join(ran) or 'none, the database is up to date'}")


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
