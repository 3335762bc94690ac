"""The supervisor of one stack: starts its parts in order, restarts what dies, and stops everything when it ends."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clawback_local import leftovers, processes
from clawback_local.control import serve
from clawback_local.errors import StackError
from clawback_local.given import READ_AT_START, refuse_another_provider
from clawback_local.order import ANY_PART, Order
from clawback_local.parts import Part
from clawback_local.places import Places
from clawback_local.ports import LOOPBACK, Ports
from clawback_local.runner import UP, Runner, State
from clawback_local.site import Site, survey


class Supervisor:
    """Owns the runners; every public coroutine is an operation of the control socket."""

    def __init__(self, order: Order, site: Site, parts: Mapping[str, Part]) -> None:
        self._order = order
        self._site = site
        self._parts = parts
        self._runners: dict[str, Runner] = {}
        self._watchers: set[asyncio.Queue[dict[str, Any]]] = set()
        self._began = asyncio.get_running_loop().time()
        self.ending = asyncio.Event()

    async def ensure(self, names: tuple[str, ...] | None) -> None:
        """Runs these parts and their dependencies; None: every part."""
        for name in self._closure(names or tuple(self._parts)):
            if name not in self._runners:
                self._runners[name] = self._runner(name)
                self._runners[name].start()
        processes.write_env(self._site, self._runners)

    async def wait(self, names: tuple[str, ...] | None) -> None:
        """Waits until these parts (None: all that are not stopped) are ready.

        Raises:
            StackError: one has failed.
        """
        meant = [name for name, runner in self._runners.items() if runner.state is not State.STOPPED]
        waits = [asyncio.ensure_future(self._known(name).wait_up()) for name in names or meant]
        try:
            await asyncio.gather(*waits)
        finally:
            for wait in waits:
                wait.cancel()

    async def stop(self, name: str) -> None:
        """Stops a part until `start`."""
        await self._known(name).stop()

    async def start(self, name: str) -> None:
        """Starts a stopped part, and waits until it is ready."""
        runner = self._known(name)
        runner.start()
        await runner.wait_up()

    async def kill(self, name: str) -> None:
        """Sends SIGKILL to a part's process; it is restarted."""
        await self._known(name).kill()

    async def wipe(self, name: str) -> None:
        """Deletes a part's data: stops it, deletes, starts it, and repeats the one-shots that are needed again."""
        runner = self._known(name)
        if runner.part.wipe is None:
            raise StackError(f"{name} has no data that can be wiped")
        await runner.stop()
        await runner.part.wipe(self._site)
        await self.start(name)
        for later in self._runners.values():
            if later.part.is_one_shot and name in later.part.needs:
                await later.stop()
                await self.start(later.part.name)

    def status(self) -> list[dict[str, Any]]:
        """Returns one row per part."""
        return [self._row(runner) for runner in self._runners.values()]

    def environment(self, name: str) -> dict[str, str]:
        """Returns the environment of a part's process, so that a job can be run as that service."""
        return self._known(name).environment()

    def given(self) -> dict[str, Any]:
        """Returns the `values` of the variables that the stack read at its start, and which were its `users`."""
        users = {
            name: self._site.environment[name] for name in READ_AT_START if name in self._site.environment
        }
        ours = {name: self._site.fill(value) for name, (_, value) in processes.ENV.items()}
        values = {name: value for name, value in {**users, **ours}.items() if name in READ_AT_START}
        return {"values": values, "users": list(users)}

    def watch(self) -> asyncio.Queue[dict[str, Any]]:
        """Returns a queue of every change from now on."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._watchers.add(queue)
        return queue

    def unwatch(self, queue: asyncio.Queue[dict[str, Any]]) -> None:
        """Stops filling a queue."""
        self._watchers.discard(queue)

    async def end(self) -> None:
        """Stops everything, dependents first."""
        left = dict(self._runners)
        while left:
            needed = {need for runner in left.values() for need in runner.part.needs}
            leaves = [name for name in left if name not in needed]
            await asyncio.gather(*(left.pop(name).stop() for name in leaves))

    def _runner(self, name: str) -> Runner:
        part = self._parts[name]
        told = [self._order.env.get(one, {}) for one in (ANY_PART, part.replica_of or name, name)]
        extra = {key: value for variables in told for key, value in variables.items()}
        needs = {need: self._runners[need] for need in part.needs}
        return Runner(part, self._site, extra, needs, self._changed)

    def _closure(self, names: tuple[str, ...]) -> list[str]:
        unknown = [name for name in names if name not in self._parts]
        if unknown:
            raise StackError(f"no such part: {', '.join(unknown)}. Parts: {', '.join(self._parts)}")
        wanted: list[str] = []
        for name in names:
            for one in (*self._closure(self._parts[name].needs), name):
                if one not in wanted:
                    wanted.append(one)
        return wanted

    def _known(self, name: str) -> Runner:
        if name not in self._runners:
            raise StackError(f"{name} is not a part of this stack. Its parts: {', '.join(self._runners)}")
        return self._runners[name]

    def _row(self, runner: Runner) -> dict[str, Any]:
        port = self._site.ports.get(runner.part.port_name or "")
        return {
            "part": runner.part.name,
            "state": runner.state,
            "up": runner.state in UP,
            "pid": runner.pid,
            "address": f"{LOOPBACK}:{port}" if port and not runner.part.is_one_shot else None,
            "restarts": runner.restarts,
            "group": runner.part.group,
            "detail": runner.detail,
        }

    def _changed(self, runner: Runner) -> None:
        after_s = round(asyncio.get_running_loop().time() - self._began, 2)
        event = {"part": runner.part.name, "state": runner.state, "detail": runner.detail, "after_s": after_s}
        sys.stderr.write(f"{after_s:9.2f} {runner.part.name} {runner.state} {runner.detail}\n")
        for queue in self._watchers:
            queue.put_nowait(event)


async def supervise(order: Order, announce: int) -> None:
    """Runs until stopped. `announce` is a file descriptor that gets one line when the socket listens."""
    places = Places(Path(order.run))
    places.make()
    lock = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StackError(f"another supervisor is running in {places.run}") from None
    leftovers.clean_up(places)
    environment = _environment(order)
    refuse_another_provider(places, environment)
    parts = processes.parts(environment, production=order.production, replicas=order.replicas)
    ports = Ports(prefer_documented=order.documented_ports)
    try:
        chosen = ports.choose({name: port for part in parts.values() for name, port in part.ports.items()})
        site = survey(places, chosen, environment, production=order.production)
        supervisor = Supervisor(order, site, parts)
        await _run(supervisor, order, places, announce)
    finally:
        ports.close()
        os.close(lock)


def _environment(order: Order) -> dict[str, str]:
    """The user's environment. A stack in production mode ignores its servers, whose certificates it does not have."""
    left_aside = set(processes.GIVEN) if order.production else set()
    return {name: value for name, value in os.environ.items() if name not in left_aside}


async def _run(supervisor: Supervisor, order: Order, places: Places, announce: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.ending.set)
    if order.lifeline:
        loop.add_reader(sys.stdin.fileno(), _owner_gone, loop, supervisor)
    async with serve(supervisor, places):
        try:
            await supervisor.ensure(order.parts)
            os.write(announce, b"ready\n")
            os.close(announce)
            await supervisor.ending.wait()
        finally:
            await supervisor.end()


def _owner_gone(loop: asyncio.AbstractEventLoop, supervisor: Supervisor) -> None:
    loop.remove_reader(sys.stdin.fileno())
    supervisor.ending.set()


def main() -> None:
    """`python -m clawback_local.supervisor ORDER FD`."""
    announce = int(sys.argv[2])
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(supervise(Order.from_json(sys.argv[1]), announce))
    except StackError as error:
        with contextlib.suppress(OSError):
            os.write(announce, f"{error}\n".encode())
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
