"""The CLI commands of analytics."""

from argparse import Namespace

from analytics.storage import facets
from analytics.use_cases.service import Service
from clawback_common.retention import floor
from clawback_common.service.arguments import floor_arguments
from clawback_common.service.definition import Command
from clawback_common.service.process import ShutdownEvent


async def floor_command(service: Service, chosen: Namespace, _: ShutdownEvent) -> int:
    """``analytics floor``: prints or lowers the retention floor; the ingester's must be lowered as well."""
    ours = floor.Floor(facets.floor, facets.lower_floor)
    return await floor.run_role(service.db, service.clock, ours, chosen)


COMMANDS = (
    Command(
        "floor", "print the retention floor, or lower it to correct a mistake", floor_command, floor_arguments
    ),
)
