"""What a person starts by a command, and what it prints."""

import argparse
import sys

from analytics.flow import GROUP, Service
from analytics.inlet.consumers import subscriptions
from analytics.inlet.deadletters import desk
from analytics.state import facets
from clawback_common.bus.gaps import accept_gaps
from clawback_common.bus.subscription import group_of
from clawback_common.http.deadletters import DeadLetterFilter
from clawback_common.sweeping import floor


async def replay_command(service: Service) -> int:
    """``analytics replay-dlq``: tries every quarantined record again. 0 all went in, 3 some are still bad."""
    outcome = await desk(service).retry(DeadLetterFilter(older_than_s=0))
    sys.stdout.write(f"dead letters: {outcome.retried} went in, {outcome.failed} failed again\n")
    return 3 if outcome.failed else 0


async def accept_gap_command(service: Service) -> int:
    """``analytics accept-gap``: moves the groups past records that are gone. Stop the workers first."""
    topics = {one.topic: group_of(GROUP, one) for one in subscriptions(service)}
    moved = await accept_gaps(service.settings, topics, service.db, GROUP)
    sys.stdout.write(f"accepted: {', '.join(moved) or 'there is no gap'}\n")
    return 0


async def floor_command(service: Service, chosen: argparse.Namespace) -> int:
    """``analytics floor``: prints the retention floor, or lowers it; the ingester's must be lowered as well."""
    ours = floor.Floor(facets.floor, facets.lower_floor)
    return await floor.run_role(service.db, service.clock, ours, chosen)
