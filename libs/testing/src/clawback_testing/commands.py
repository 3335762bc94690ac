"""Runs commands of a service within the test's process, on its objects."""

from typing import Any, TypeVar

from clawback_common.service.cli import parser_of, run_role
from clawback_common.service.definition import ServiceDefinition
from clawback_common.service.objects import ServiceObjects
from clawback_common.service.process import ShutdownEvent

T = TypeVar("T", bound=ServiceObjects[Any])


async def command(definition: ServiceDefinition[Any, T], service: T, *arguments: str) -> int:
    """Run a command as from the command line and return the exit code."""
    return await run_role(definition, service, parser_of(definition).parse_args(arguments), ShutdownEvent())
