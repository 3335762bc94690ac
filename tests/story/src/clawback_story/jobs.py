"""Jobs of a service, started as a CronJob would start them."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable
from contextlib import suppress

from clawback_local.processes import tied
from clawback_story.history import RunSeen
from clawback_story.world import World

END_S = 10.0
LineFilter = Callable[[str], bool]
"""Selects the lines of a job's output to print."""


async def daily_run(world: World, why: str, *expected: int, wait_min: float = 2.0) -> RunSeen:
    """Runs ``python -m compliance run`` in its own process, and prints its output."""
    seen = await job(world, "compliance", "run", "--wait", str(wait_min), why=why, expected=expected or (0,))
    world.history.runs.append(seen)
    return seen


async def job(
    world: World,
    service: str,
    *arguments: str,
    why: str = "",
    expected: tuple[int, ...] = (0,),
    shown: LineFilter = bool,
) -> RunSeen:
    """Runs a job of a service; returns its exit code and output."""
    environment = await world.in_thread(world.stack.environment, f"{service}-worker")
    process = await asyncio.create_subprocess_exec(
        *tied(sys.executable, "-m", service, *arguments),
        env=environment,
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    lines = []
    try:
        assert process.stdout is not None
        with (world.stack.paths.logs / f"{service}-{arguments[0]}.log").open("a") as log:
            async for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                log.write(f"{line}\n")
                if not line.startswith("{"):
                    lines.append(line)
                    if shown(line):
                        world.printer.detail(f"{service} {arguments[0]}: {line}")
        code = await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), END_S)
            except TimeoutError:
                process.kill()
                await process.wait()
    return RunSeen(why, code, expected, tuple(lines))
