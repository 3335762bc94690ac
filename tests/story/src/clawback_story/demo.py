"""The demo: starts its own stack, runs the scenario, verifies the guarantees, and stops everything."""

import argparse
import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from types import FrameType

from clawback_local import Stack
from clawback_local.config import DEFAULT_RUN, Paths, StackError
from clawback_local.stack import delete, is_running
from clawback_story import chapters, ledger, notifications
from clawback_story.inspection import gather
from clawback_story.output import Printer
from clawback_story.plan import DEMO, SMALL, Sizes
from clawback_story.promises import Promise, verify_all
from clawback_story.world import MANY_REQUESTS_ENV, OWN_SERVERS, QUICK_ENV, Broken, World, opened

RUN = DEFAULT_RUN / "demo"
KEPT, BROKEN, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
PROBLEMS_SHOWN = 5
CANCEL_EVERY_S = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo. Returns 0 if every guarantee holds."""
    parser = argparse.ArgumentParser(prog="clawback_story", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="use other articles and make other choices")
    parser.add_argument("--run-dir", type=Path, default=RUN, help="folder of its data and logs")
    parser.add_argument("--small", action="store_true", help="use few articles")
    parser.add_argument(
        "--production",
        action="store_true",
        help="run every process in production mode, with TLS and keys everywhere",
    )
    options = parser.parse_args(argv)
    printer = Printer()
    paths = Paths(options.run_dir.absolute())
    if is_running(paths):
        printer.bad(f"another demo runs in {paths.run}")
        return WRONG_USE
    for name in OWN_SERVERS:
        if os.environ.pop(name, None):
            printer.line(f"{name} is ignored: the demo stops and fills its own servers")
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell makes its background processes ignore it
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        sizes = SMALL if options.small else DEMO
        return _on_a_stack(printer, paths, sizes, options.seed, production=options.production)
    except KeyboardInterrupt:
        printer.plain("\nstopped; nothing is left running")
        return INTERRUPTED


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _on_a_stack(printer: Printer, paths: Paths, sizes: Sizes, seed: int, *, production: bool) -> int:
    delete(paths)
    printer.chapter("Kafka, PostgreSQL, the provider's simulator and the services start")
    stack = Stack(
        paths.run,
        env={**MANY_REQUESTS_ENV, **QUICK_ENV, "simulator": {"SIMULATOR_SEED": str(seed)}},
        production=production,
        progress=printer.part,
    )
    try:
        stack.up()
        printer.line("all ready")
        return asyncio.run(run_scenario(stack, sizes, seed, printer))
    except StackError as error:
        printer.bad(str(error))
        return BROKEN
    finally:
        # From here on, a second Ctrl-C must not interrupt the shutdown.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stack.down()


async def run_scenario(stack: Stack, sizes: Sizes, seed: int, printer: Printer) -> int:
    """Runs the scenario, inspects the stores, verifies the guarantees, and prints the result."""
    promises: list[Promise] = []
    wrong = ""
    async with opened(stack, sizes, seed, printer) as world:
        try:
            await _stoppable(chapters.play(world))
        except* Exception as group:  # noqa: BLE001 - any error is printed, and the inspection is done as far as possible
            wrong = "; ".join(dict.fromkeys(map(_message, _leaves(group))))
            printer.bad(f"the scenario ended early: {wrong}")
        with suppress(Exception) if wrong else nullcontext():
            promises = await _look(world)
    return _close(printer, stack, promises, wrong)


async def _stoppable(story: Coroutine[None, None, None]) -> None:
    """Runs it; a cancellation is repeated until it ends, because `wait_for` of Python 3.11 may swallow one."""
    task = asyncio.create_task(story)
    try:
        await asyncio.wait({task})
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_EVERY_S)
    await task


def _message(error: BaseException) -> str:
    return str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _look(world: World) -> list[Promise]:
    printer = world.printer
    printer.chapter("What each holder did")
    for line in await ledger.by_holder(world):
        printer.plain(line)
    printer.chapter("Notifications that were sent")
    for line in notifications.lines(await asyncio.to_thread(notifications.read, world.stack.run_dir)):
        printer.plain(line)
    printer.chapter(
        "Inspecting every store directly: databases, the consumer's store, the API, topics, logs, the cache"
    )
    evidence = await gather(world)
    for store in evidence.stores:
        revoked = len(store.ids & evidence.expected.gone)
        printer.line(f"{store.name}: {len(store.ids):,} articles, {revoked} of them revoked")
    return verify_all(evidence)


def _close(printer: Printer, stack: Stack, promises: Sequence[Promise], wrong: str) -> int:
    printer.chapter("Guarantees")
    kept = not wrong and bool(promises)
    for promise in promises:
        printer.check(promise.text, "" if promise.problems else promise.evidence, kept=not promise.problems)
        for problem in promise.problems[:PROBLEMS_SHOWN]:
            printer.bad(f"          {problem}")
        kept = kept and not promise.problems
    if kept:
        printer.plain(f"\nEvery guarantee was kept, in {printer.elapsed_s:.0f} s.")
        return KEPT
    if wrong:
        printer.bad(f"\nThe scenario ended early: {wrong}")
    printer.bad(f"\nNot every guarantee was kept. Logs: {stack.paths.logs}")
    return BROKEN
