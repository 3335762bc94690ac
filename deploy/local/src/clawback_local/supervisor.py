"""The supervisor of one stack: starts its parts in order, restarts what dies, and stops everything when it ends.

It answers on a unix socket in the run folder: one JSON line in, JSON lines out. The last line has `ok` (true, or false
with `error`); the lines before it are events of parts.
"""

import asyncio
import contextlib
import enum
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from clawback_local import production
from clawback_local.config import (
    LOOPBACK,
    READ_AT_START,
    Config,
    Paths,
    StackError,
    claimed,
    locked,
    refuse_another_provider,
    resolve,
)
from clawback_local.parts import ENV, GIVEN, Part, parts, write_env
from clawback_local.processes import Command, answers, cleanup, listens, record, tied, until
from clawback_local.stack import ANY_PART, Event, SupervisorSpec, socket_path

BACKOFF_S_FIRST = 0.1
BACKOFF_S_MAX = 5.0
STEADY_S = 20.0
"""A process that was ready this long is restarted without the backoff of its earlier deaths."""
ATTEMPTS_MAX = 5
EXIT_ATTENTION = 2
LOG_TAIL_LINES = 12
OPERATIONS = {"ensure", "wait", "stop", "start", "kill", "wipe", "status", "environment", "settings", "down"}


class State(enum.StrEnum):
    """The state of a part."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    STOPPED = "stopped"
    FAILED = "failed"


UP = frozenset({State.READY, State.DONE})


class Runner:
    """Runs one part until it is stopped: when its dependencies are ready, and again when it dies."""

    def __init__(
        self,
        part: Part,
        config: Config,
        extra_env: Mapping[str, str],
        needs: Sequence["Runner"],
        changed: Callable[["Runner"], None],
    ) -> None:
        self.part = part
        self.state = State.STOPPED
        self.detail = ""
        self.restarts = 0
        self.process: asyncio.subprocess.Process | None = None
        self._failure: str | None = None
        self._config = config
        self._extra_env = extra_env
        self._needs = needs
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._settled = asyncio.Event()

    def start(self) -> None:
        """Starts it, also after a stop; does nothing if it is running."""
        if self._task is None or self._task.done():
            self._stopping, self._failure = False, None
            self._set(State.WAITING)
            self._task = asyncio.create_task(self._run(), name=self.part.name)

    async def stop(self) -> None:
        """Stops it: with its own signal first, with SIGKILL after a timeout."""
        self._stopping = True
        if self.process is not None:
            await self._terminate(self.process)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._task = None
        self._set(State.STOPPED)

    async def kill(self) -> None:
        """Sends SIGKILL, as a fault; it will be restarted. Returns when the process has ended."""
        if self.process is None or self.process.returncode is not None:
            raise StackError(f"{self.part.name} has no running process ({self.state})")
        self._set(State.RESTARTING, "killed on request")
        self.process.kill()
        await self.process.wait()

    async def wait_up(self) -> None:
        """Waits until it is ready (a one-shot: done).

        Raises:
            StackError: it, or a dependency, has failed.
        """
        await self._settled.wait()
        if self._failure is not None:
            raise StackError(self._failure)

    def environment(self) -> dict[str, str]:
        """Returns the user's environment, overridden by the part's and the requested variables."""
        own = {name: self._config.fill(value) for name, value in self.part.env.items()}
        return {**self._config.environment, **own, **self._extra_env}

    async def _run(self) -> None:
        try:
            for need in self._needs:
                await need.wait_up()
        except StackError as error:
            self._fail(str(error), "a dependency has failed")
            return
        try:
            await self._restart_until_done()
        except StackError as error:
            self._fail(f"{self.part.name} failed: {error}", str(error))
        except Exception as error:  # noqa: BLE001 - the outermost loop of a part: the error is reported, other parts continue
            self._fail(f"{self.part.name} failed: {type(error).__name__}: {error}", type(error).__name__)

    def _fail(self, failure: str, detail: str) -> None:
        self._failure = failure
        self._set(State.FAILED, detail)

    async def _restart_until_done(self) -> None:
        backoff_s, attempts, was_up = BACKOFF_S_FIRST, 0, False
        while True:
            began = time.monotonic()
            up = await self._run_once()
            if self.state is State.DONE or self._stopping:
                return
            was_up, attempts = was_up or up, attempts + 1
            if not was_up and attempts >= ATTEMPTS_MAX:
                raise StackError(f"{self.detail}; {attempts} attempts\n{self._log_tail()}")
            if up and time.monotonic() - began > STEADY_S:
                backoff_s = BACKOFF_S_FIRST
            self.restarts += 1
            self._set(State.RESTARTING, self.detail)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _run_once(self) -> bool:
        """Runs one process to its end. Returns whether it was ready meanwhile; `detail` has the cause of its end."""
        self._set(State.STARTING)
        if self.part.action is not None:
            await self.part.action(self._config)
        if self.part.command is not None:
            command = await self.part.command(self._config)
        elif self.part.argv:
            command = Command(tuple(self._config.fill(word) for word in self.part.argv))
        else:
            self._set(State.DONE)
            return True
        async with self._spawned(command) as process:
            up = not self.part.is_one_shot and await self._become_ready(process)
            code = await process.wait()
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if self.part.is_one_shot and code == 0:
            self._set(State.DONE)
        elif code == EXIT_ATTENTION and not up and self.restarts == 0 and not self._stopping:
            raise StackError(f"{how}\n{self._log_tail()}")
        elif not self.detail.startswith("not ready"):
            self.detail = how
        return up

    @asynccontextmanager
    async def _spawned(self, command: Command) -> AsyncIterator[asyncio.subprocess.Process]:
        """Runs a process for the duration of a block, then stops all processes of its session."""
        paths = self._config.paths
        with paths.log(self.part.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *tied(*command.argv, user=command.user, death_signal=self.part.death_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd="/" if command.user.isdecimal() else paths.run,
                start_new_session=True,
            )
        record(paths.pids / self.part.name, process.pid)
        self.process = process
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            (paths.pids / self.part.name).unlink(missing_ok=True)
            self.process = None

    async def _become_ready(self, process: asyncio.subprocess.Process) -> bool:
        """Waits for the ready condition or the end of the process, whichever is first."""
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self._probe())
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                return False
            if not ready.result():
                self.detail = f"not ready within {self.part.deadline_s:g} s"
                await self._terminate(process)
                return False
            if not ended.done():
                self._set(State.READY)
            return True
        finally:
            ended.cancel()
            ready.cancel()

    async def _probe(self) -> bool:
        port, context = self._config.ports[self.part.port_name], self._config.client_context

        async def is_ready() -> bool:
            return await (listens(port) if self.part.ready == "listens" else answers(port, context=context))

        up = await until(is_ready, deadline_s=self.part.deadline_s)
        if up and self.part.on_ready is not None:
            await self.part.on_ready(self._config)
        return up

    async def _terminate(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.part.stop_signal)
            try:
                async with asyncio.timeout(self.part.stop_s):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    def _set(self, state: State, detail: str = "") -> None:
        self.state, self.detail = state, detail
        if state in UP or state is State.FAILED:
            self._settled.set()
        else:
            self._settled.clear()
        self._changed(self)

    def _log_tail(self) -> str:
        path = self._config.paths.log(self.part.name)
        lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if path.exists() else []
        return "\n".join([f"  (from {path})", *(f"  {line}" for line in lines)])


class Supervisor:
    """Owns the runners; its public coroutines are the operations of the control socket."""

    def __init__(self, spec: SupervisorSpec, config: Config, parts: Mapping[str, Part]) -> None:
        self._spec = spec
        self._config = config
        self._parts = parts
        self._runners: dict[str, Runner] = {}
        self._clients: set[asyncio.StreamWriter] = set()
        self._began = time.monotonic()
        self.ending = asyncio.Event()

    async def ensure(self, parts: Sequence[str] | None = None) -> None:
        """Runs these parts and their dependencies; None: every part."""
        for name in self._with_needs(parts or tuple(self._parts)):
            if name not in self._runners:
                part = self._parts[name]
                keys = (ANY_PART, part.replica_of or name, name)
                extra_env = {key: value for one in keys for key, value in self._spec.env.get(one, {}).items()}
                needs = [self._runners[need] for need in part.needs]
                self._runners[name] = Runner(part, self._config, extra_env, needs, self._changed)
                self._runners[name].start()
        write_env(self._config, self._runners)

    async def wait(self, parts: Sequence[str] | None = None) -> None:
        """Waits until these parts (None: all that are not stopped) are ready.

        Raises:
            StackError: one has failed.
        """
        running = [runner for runner in self._runners.values() if runner.state is not State.STOPPED]
        wanted = [self._runner(name) for name in parts] if parts else running
        await asyncio.gather(*(runner.wait_up() for runner in wanted))

    async def stop(self, part: str) -> None:
        """Stops a part until `start`."""
        await self._runner(part).stop()

    async def start(self, part: str) -> None:
        """Starts a stopped part, and waits until it is ready."""
        self._runner(part).start()
        await self._runner(part).wait_up()

    async def kill(self, part: str) -> None:
        """Sends SIGKILL to a part's process; it is restarted."""
        await self._runner(part).kill()

    async def wipe(self, part: str) -> None:
        """Deletes a part's data: stops it, deletes, starts it, and repeats the one-shots that are needed again."""
        runner = self._runner(part)
        if runner.part.wipe is None:
            raise StackError(f"{part} has no data that can be wiped")
        await runner.stop()
        await runner.part.wipe(self._config)
        await self.start(part)
        for later in self._runners.values():
            if later.part.is_one_shot and part in later.part.needs:
                await later.stop()
                await self.start(later.part.name)

    async def status(self) -> list[dict[str, Any]]:
        """Returns one row per part."""
        return [self._row(runner) for runner in self._runners.values()]

    async def environment(self, part: str) -> dict[str, str]:
        """Returns the environment of a part's process, so that a job can be run as that service."""
        return self._runner(part).environment()

    async def settings(self) -> dict[str, Any]:
        """Returns the `values` of the variables that the stack read at its start, and which were its `users`."""
        environment = self._config.environment
        users = {name: environment[name] for name in READ_AT_START if name in environment}
        ours = {name: self._config.fill(value) for name, (_, value) in ENV.items() if name in READ_AT_START}
        return {"values": users | ours, "users": list(users)}

    async def down(self) -> None:
        """Requests the end of the supervisor."""
        self.ending.set()

    async def stop_all(self) -> None:
        """Stops everything, dependents first."""
        left = dict(self._runners)
        while left:
            needed = {need for runner in left.values() for need in runner.part.needs}
            leaves = [name for name in left if name not in needed]
            await asyncio.gather(*(left.pop(name).stop() for name in leaves))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request; a client that disconnects ends only its waiting."""
        request = json.loads(await reader.readline())
        self._clients.add(writer)
        work = asyncio.create_task(self._execute(**request))
        gone = asyncio.create_task(reader.read())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and request["op"] == "wait":
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            writer.write(json.dumps(await work).encode() + b"\n")
            await writer.drain()
        self._clients.discard(writer)
        gone.cancel()
        writer.close()

    async def _execute(self, op: str, **arguments: Any) -> Event:
        try:
            if op not in OPERATIONS:
                raise StackError(f"unknown operation {op}")
            return {"ok": True, "result": await getattr(self, op)(**arguments)}
        except Exception as error:  # noqa: BLE001 - the client gets it
            text = str(error) if isinstance(error, StackError) else f"{type(error).__name__}: {error}"
            return {"ok": False, "error": text}

    def _runner(self, name: str) -> Runner:
        if name not in self._runners:
            raise StackError(f"{name} is not a part of this stack. Its parts: {', '.join(self._runners)}")
        return self._runners[name]

    def _with_needs(self, names: Sequence[str]) -> list[str]:
        unknown = [name for name in names if name not in self._parts]
        if unknown:
            raise StackError(f"no such part: {', '.join(unknown)}. Parts: {', '.join(self._parts)}")
        found = [one for name in names for one in (*self._with_needs(self._parts[name].needs), name)]
        return list(dict.fromkeys(found))

    def _row(self, runner: Runner) -> dict[str, Any]:
        port = self._config.ports.get(runner.part.port_name)
        return {
            "part": runner.part.name,
            "state": runner.state,
            "up": runner.state in UP,
            "pid": runner.process.pid if runner.process else None,
            "address": f"{LOOPBACK}:{port}" if port and not runner.part.is_one_shot else None,
            "restarts": runner.restarts,
            "group": runner.part.group,
            "detail": runner.detail,
        }

    def _changed(self, runner: Runner) -> None:
        after_s = round(time.monotonic() - self._began, 2)
        event = {"part": runner.part.name, "state": runner.state, "detail": runner.detail, "after_s": after_s}
        sys.stderr.write(f"{after_s:9.2f} {runner.part.name} {runner.state} {runner.detail}\n")
        for writer in self._clients:
            writer.write(json.dumps(event).encode() + b"\n")


async def supervise(spec: SupervisorSpec, announce: int) -> None:
    """Runs until stopped. `announce` is a file descriptor that gets one line when the socket listens."""
    paths = Paths(Path(spec.run))
    paths.create()
    with locked(paths.lock) as is_ours:
        if not is_ours:
            raise StackError(f"another supervisor is running in {paths.run}")
        cleanup(paths)
        # In production mode the user's servers are ignored: the stack does not have their certificates.
        ignored = GIVEN if spec.production else ()
        environment = {name: value for name, value in os.environ.items() if name not in ignored}
        refuse_another_provider(paths, environment)
        described = parts(environment, replicas=spec.replicas)
        if spec.production:
            described = production.secured_parts(described)
        wanted = {name: port for part in described.values() for name, port in part.ports.items()}
        with claimed(wanted, prefer_documented=spec.documented_ports) as ports:
            config = resolve(paths, ports, environment)
            if spec.production:
                config = production.secured(config)
            await _run(Supervisor(spec, config, described), spec, paths, announce)


async def _run(supervisor: Supervisor, spec: SupervisorSpec, paths: Paths, announce: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.ending.set)
    if spec.lifeline:
        lifeline = sys.stdin.fileno()

        def owner_gone() -> None:
            loop.remove_reader(lifeline)
            supervisor.ending.set()

        loop.add_reader(lifeline, owner_gone)
    paths.socket.unlink(missing_ok=True)
    with socket_path(paths) as path:
        server = await asyncio.start_unix_server(supervisor.serve, path)
    try:
        await supervisor.ensure(spec.parts)
        os.write(announce, b"ready\n")
        os.close(announce)
        await supervisor.ending.wait()
    finally:
        await supervisor.stop_all()
        server.close()
        paths.socket.unlink(missing_ok=True)


def main() -> None:
    """`python -m clawback_local.supervisor SPEC FD`."""
    announce = int(sys.argv[2])
    try:
        asyncio.run(supervise(SupervisorSpec(**json.loads(sys.argv[1])), announce))
    except StackError as error:
        with contextlib.suppress(OSError):
            os.write(announce, f"{error}\n".encode())
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
