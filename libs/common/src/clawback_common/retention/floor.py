"""The command that prints a retention floor, and lowers it after a mistake. Only sweeps raise a floor."""

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from clawback_common.clock import Clock
from clawback_common.errors import Poison, Stop
from clawback_common.postgres import Database, Querier, Queries
from clawback_common.service import jobs

SQL = Queries.load(__package__, "floor")
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Floor:
    """How a service reads and lowers its floor. Records older than the floor are not accepted."""

    read: Callable[[Querier], Awaitable[datetime | None]]
    lower: Callable[[Querier, datetime], Awaitable[bool]]
    """Returns whether the floor was higher."""
    repair: Callable[[datetime], Awaitable[int]] | None = None
    """Accepts records dated since then again and returns their number; can be repeated."""


def require_not_in_future(floor: datetime, now: datetime) -> None:
    """Refuse a floor that would reject everything that arrives.

    Raises:
        Poison: ``floor_in_future``.
    """
    if floor > now:
        raise Poison("floor_in_future", f"{floor:%Y-%m-%d %H:%M} UTC is in the future")


async def run_role(db: Database, clock: Clock, floor: Floor, chosen: argparse.Namespace) -> int:
    """Run ``floor``: print the floor; with ``--lower-to``, lower it and record that. 0 also when it was lower already.

    Raises:
        Stop: name or reason is missing, or the instant is in the future.
    """
    if chosen.lower_to is not None:
        if not chosen.by or not chosen.reason:
            raise Stop("--lower-to needs --by and --reason")
        if chosen.lower_to > clock.now():
            raise Stop("--lower-to is in the future: everything that arrives would be refused")
        await _lower(db, clock, floor, chosen)
    found = await floor.read(db)
    sys.stdout.write(f"floor: {found.isoformat() if found else 'none'}\n")
    return 0


async def _lower(db: Database, clock: Clock, floor: Floor, chosen: argparse.Namespace) -> None:
    async with jobs.run(db, clock, "floor", cause="command", subject=chosen.by) as job:
        async with db.transaction() as tx:
            former = await floor.read(tx)
            lowered = await floor.lower(tx, chosen.lower_to)
            if lowered:
                await tx.execute(
                    SQL["changed"], clock.now(), chosen.by, chosen.reason, former, chosen.lower_to
                )
        repaired = await floor.repair(chosen.lower_to) if floor.repair else 0
        job.count(lowered=int(lowered), repaired=repaired)
    _log.warning("the retention floor was lowered", by=chosen.by, former=former, floor=chosen.lower_to)
    sys.stdout.write(f"records that are accepted when they are delivered again: {repaired}\n")
