"""The supervisor of one stack: starts its parts in order, restarts what dies, and stops everything when it ends.

It answers on a unix socket in the run folder: one JSON line in, JSON lines out. The last line has `ok` (true, or false
with `error`); the lines before it are events of parts.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from clawback_local import parts, production
from clawback_local.config import LOOPBACK, Config, Paths, StackError, claimed, locked, write_private
from clawback_local.parts import Part, write_env
from clawback_local.processes import answers, cleanup, listens, started, tied, until
from clawback_local.stack import ANY_PART, Event, SupervisorSpec, socket_path

BACKOFF_S_FIRST, BACKOFF_S_MAX = 0.1, 5.0
STEADY_S = 20.0  # a process that was ready this long is restarted without the backoff of its earlier deaths
ATTEMPTS_MAX = 5
EXIT_ATTENTION = 2
LOG_TAIL_LINES = 12
OPERATIONS = ("ensure", "wait", "start", "wipe", "status", "environment", "down")
PART_OPERATIONS = ("stop", "kill")
State = Literal["waiting", "starting", "ready", "done", "restarting", "stopped", "failed"]
UP = ("ready", "done")


@dataclass(eq=False)
class Runner:
    """Runs one part until it is stopped: when its dependencies are ready, and again when it dies."""

    part: Part
    config: Config
    environment: Mapping[str, str]
    needs: Sequence["Runner"]
    changed: Callable[["Runner"], None]
    state: State = "stopped"
    detail: str = ""
    failure: str | None = None  # of itself or of a dependency, as text
    restarts: int = 0
    process: asyncio.subprocess.Process | None = None
    task: "asyncio.Task[None] | None" = None
    stopping: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Starts it, also after a stop; does nothing if it is running."""
        if self.task is None or self.task.done():
            self.stopping, self.failure = False, None
            self._set("waiting")
            self.task = asyncio.create_task(self._run(), name=self.part.name)

    async def stop(self) -> None:
        """Stops it: with its own signal first, with SIGKILL after a timeout."""
        self.stopping = True
        if self.process is not None:
            await self._terminate(self.process)
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        self.task = None
        self._set("stopped")

    async def kill(self) -> None:
        """Sends SIGKILL, as a fault; it will be restarted. Returns when the process has ended."""
        if self.process is None or self.process.returncode is not None:
            raise StackError(f"{self.part.name} has no running process ({self.state})")
        self._set("restarting", "killed on request")
        self.process.kill()
        await self.process.wait()

    async def wait_up(self) -> None:
        """Waits until it is ready (a one-shot: done). Raises StackError if it, or a dependency, has failed."""
        await self.settled.wait()
        if self.failure is not None:
            raise StackError(self.failure)

    async def _run(self) -> None:
        try:
            for need in self.needs:
                await need.wait_up()
        except StackError as error:
            self._set("failed", "a dependency has failed", str(error))
            return
        try:
            await self._restart_until_done()
        except StackError as error:
            self._set("failed", str(error), f"{self.part.name} failed: {error}")
        except Exception as error:  # noqa: BLE001 - the outermost loop of a part: the error is reported, other parts continue
            kind = type(error).__name__
            self._set("failed", kind, f"{self.part.name} failed: {kind}: {error}")

    async def _restart_until_done(self) -> None:
        backoff_s, attempts, was_up = BACKOFF_S_FIRST, 0, False
        while True:
            began = time.monotonic()
            up = await self._run_once()
            if self.state == "done" or self.stopping:
                return
            was_up, attempts = was_up or up, attempts + 1
            if not was_up and attempts >= ATTEMPTS_MAX:
                raise StackError(f"{self.detail}; {attempts} attempts\n{self._log_tail()}")
            if up and time.monotonic() - began > STEADY_S:
                backoff_s = BACKOFF_S_FIRST
            self.restarts += 1
            self._set("restarting", self.detail)
            await asyncio.sleep(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _run_once(self) -> bool:
        """Runs one process to its end. Returns whether it was ready meanwhile; `detail` has the cause of its end."""
        self._set("starting")
        if self.part.action is not None:
            await self.part.action(self.config)
        argv, user = tuple(map(self.config.fill, self.part.argv)), "self"
        if self.part.command is not None:
            argv, user = await self.part.command(self.config)
        if not argv:
            self._set("done")
            return True
        async with self._spawned(argv, user) as process:
            up = self.part.ready != "finishes" and await self._become_ready(process)
            code = await process.wait()
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if self.part.ready == "finishes" and code == 0:
            self._set("done")
        elif code == EXIT_ATTENTION and not up and self.restarts == 0 and not self.stopping:
            raise StackError(f"{how}\n{self._log_tail()}")
        elif not self.detail.startswith("not ready"):
            self.detail = how
        return up

    @asynccontextmanager
    async def _spawned(self, argv: Sequence[str], user: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Runs a process for the duration of a block, then stops all processes of its session."""
        paths = self.config.paths
        with paths.log(self.part.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *tied(*argv, user=user, death_signal=self.part.death_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd="/" if user.isdecimal() else paths.run,
                start_new_session=True,
            )
        # With the start time, because a pid may be reused.
        known = {"pid": process.pid, "started": started(process.pid)}
        (paths.pids / self.part.name).write_text(json.dumps(known))
        self.process = process
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            (paths.pids / self.part.name).unlink(missing_ok=True)
            self.process = None

    async def _become_ready(self, process: asyncio.subprocess.Process) -> bool:
        """Waits for the ready condition or the end of the process, whichever is first."""
        ended, ready = asyncio.create_task(process.wait()), asyncio.create_task(self._probe())
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
            up = ready.done() and ready.result()
            if up and not ended.done():
                self._set("ready")
            elif ready.done() and not up:
                self.detail = f"not ready within {self.part.deadline_s:g} s"
                await self._terminate(process)
            return up
        finally:
            ended.cancel()
            ready.cancel()

    async def _probe(self) -> bool:
        port = self.config.ports[next(iter(self.part.ports))]
        probe = partial(listens, port)
        if self.part.ready == "answers":
            probe = partial(
                answers, port, cafile=self.config.paths.cafile if self.config.production else None
            )
        up = await until(probe, deadline_s=self.part.deadline_s)
        if up and self.part.on_ready is not None:
            await self.part.on_ready(self.config)
        return up

    async def _terminate(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.Signals[f"SIG{self.part.stop_signal}"])
            try:
                async with asyncio.timeout(self.part.stop_s):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

    def _set(self, state: State, detail: str = "", failure: str | None = None) -> None:
        self.state, self.detail, self.failure = state, detail, failure
        if state in UP or failure:
            self.settled.set()
        else:
            self.settled.clear()
        self.changed(self)

    def _log_tail(self) -> str:
        path = self.config.paths.log(self.part.name)
        lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if path.exists() else []
        return "\n".join([f"  (from {path})", *(f"  {line}" for line in lines)])


@dataclass(eq=False)
class Supervisor:
    """Owns the runners; its public coroutines are the operations of the control socket."""

    spec: SupervisorSpec
    config: Config
    parts: Mapping[str, Part]
    runners: dict[str, Runner] = field(default_factory=dict)
    clients: set[asyncio.StreamWriter] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def ensure(self, parts: Sequence[str] | None = None) -> None:
        """Runs these parts and their dependencies; None: every part."""
        for name in self._with_needs(parts or tuple(self.parts)):
            if name not in self.runners:
                self.runners[name] = self._new_runner(self.parts[name])
                self.runners[name].start()
        write_env(self.config, self.runners)

    async def wait(self, parts: Sequence[str] | None = None) -> None:
        """Waits until these parts (None: all that are not stopped) are ready. Raises StackError if one has failed."""
        running = [runner for runner in self.runners.values() if runner.state != "stopped"]
        wanted = [self.runner(name) for name in parts] if parts else running
        await asyncio.gather(*(runner.wait_up() for runner in wanted))

    async def start(self, part: str) -> None:
        """Starts a stopped part, and waits until it is ready."""
        self.runner(part).start()
        await self.runner(part).wait_up()

    async def wipe(self, part: str) -> None:
        """Deletes a part's data: stops it, deletes, starts it, and repeats the one-shots that are needed again."""
        runner = self.runner(part)
        if runner.part.data is None:
            raise StackError(f"{part} has no data that can be wiped")
        await runner.stop()
        await asyncio.to_thread(shutil.rmtree, self.config.paths.run / runner.part.data, ignore_errors=True)
        await self.start(part)
        for later in self.runners.values():
            if later.part.ready == "finishes" and part in later.part.needs:
                await later.stop()
                await self.start(later.part.name)

    async def status(self) -> list[dict[str, Any]]:
        """Returns one row per part."""
        rows = []
        for name, runner in self.runners.items():
            port = self.config.ports.get(next(iter(runner.part.ports), ""))
            row = {"part": name, "state": runner.state, "up": runner.state in UP, "detail": runner.detail}
            row |= {"restarts": runner.restarts, "group": runner.part.group}
            row["pid"] = runner.process.pid if runner.process else None
            row["address"] = f"{LOOPBACK}:{port}" if port and runner.part.ready != "finishes" else None
            rows.append(row)
        return rows

    async def environment(self, part: str) -> Mapping[str, str]:
        """Returns the environment of a part's process, so that a job can be run as that service."""
        return self.runner(part).environment

    async def down(self) -> None:
        """Requests the end of the supervisor."""
        self.ending.set()

    async def stop_all(self) -> None:
        """Stops everything, dependents first."""
        left = dict(self.runners)
        while left:
            needed = {need for runner in left.values() for need in runner.part.needs}
            leaves = [name for name in left if name not in needed]
            await asyncio.gather(*(left.pop(name).stop() for name in leaves))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one request; a client that disconnects ends only its waiting."""
        request = json.loads(await reader.readline())
        self.clients.add(writer)
        work, gone = asyncio.create_task(self._execute(**request)), asyncio.create_task(reader.read())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and request["op"] == "wait":
            work.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            writer.write(json.dumps(await work).encode() + b"\n")
            await writer.drain()
        self.clients.discard(writer)
        gone.cancel()
        writer.close()

    async def _execute(self, op: str, **arguments: Any) -> Event:
        try:
            owner = self.runner(arguments.pop("part")) if op in PART_OPERATIONS else self
            if op not in OPERATIONS + PART_OPERATIONS:
                raise StackError(f"unknown operation {op}")  # noqa: TRY301 - reported below
            return {"ok": True, "result": await getattr(owner, op)(**arguments)}
        except Exception as error:  # noqa: BLE001 - the client gets it
            text = str(error) if isinstance(error, StackError) else f"{type(error).__name__}: {error}"
            return {"ok": False, "error": text}

    def _new_runner(self, part: Part) -> Runner:
        environment = {**self.config.environment}
        environment |= {name: self.config.fill(value) for name, value in part.env.items()}
        for name in (ANY_PART, part.replica_of or part.name, part.name):
            environment |= self.spec.env.get(name, {})
        needs = [self.runners[need] for need in part.needs]
        return Runner(part, self.config, environment, needs, self._changed)

    def runner(self, name: str) -> Runner:
        """Returns the runner of a part."""
        if name not in self.runners:
            raise StackError(f"{name} is not a part of this stack. Its parts: {', '.join(self.runners)}")
        return self.runners[name]

    def _with_needs(self, names: Sequence[str]) -> Sequence[str]:
        unknown = [name for name in names if name not in self.parts]
        if unknown:
            raise StackError(f"no such part: {', '.join(unknown)}. Parts: {', '.join(self.parts)}")
        found = [one for name in names for one in (*self._with_needs(self.parts[name].needs), name)]
        return tuple(dict.fromkeys(found))

    def _changed(self, runner: Runner) -> None:
        after_s = round(time.monotonic() - self.began, 2)
        event = {"part": runner.part.name, "state": runner.state, "detail": runner.detail, "after_s": after_s}
        sys.stderr.write(f"{after_s:9.2f} {runner.part.name} {runner.state} {runner.detail}\n")
        for writer in self.clients:
            writer.write(json.dumps(event).encode() + b"\n")


async def supervise(spec: SupervisorSpec) -> None:
    """Runs until stopped. Prints one line when the socket listens."""
    paths = Paths(Path(spec.run))
    paths.create()
    with locked(paths.lock) as is_ours:
        if not is_ours:
            raise StackError(f"another supervisor is running in {paths.run}")
        cleanup(paths)
        # In production mode the user's servers are ignored: the stack does not have their certificates.
        ignored = parts.GIVEN if spec.production else ()
        environment = {name: value for name, value in os.environ.items() if name not in ignored}
        parts.refuse_another_provider(paths, environment)
        users = {name: environment[name] for name in parts.READ_AT_START if name in environment}
        write_private(paths.settings, json.dumps(users))
        described = parts.parts(environment, replicas=spec.replicas)
        if spec.production:
            described = production.secured_parts(described)
        wanted = {name: port for part in described.values() for name, port in part.ports.items()}
        with claimed(wanted, prefer_documented=spec.documented_ports) as ports:
            config = parts.resolve(paths, ports, environment)
            if spec.production:
                config = production.secured(config)
            await _run(Supervisor(spec, config, described), spec, paths)


async def _run(supervisor: Supervisor, spec: SupervisorSpec, paths: Paths) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.ending.set)

    def owner_gone() -> None:
        loop.remove_reader(sys.stdin)
        supervisor.ending.set()

    if spec.lifeline:
        loop.add_reader(sys.stdin, owner_gone)
    paths.socket.unlink(missing_ok=True)
    with socket_path(paths) as path:
        server = await asyncio.start_unix_server(supervisor.serve, path)
    try:
        await supervisor.ensure(spec.parts)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await supervisor.ending.wait()
    finally:
        await supervisor.stop_all()
        server.close()
        paths.socket.unlink(missing_ok=True)


if __name__ == "__main__":  # `python -m clawback_local.supervisor SPEC`
    try:
        asyncio.run(supervise(SupervisorSpec(**json.loads(sys.argv[1]))))
    except StackError as error:
        sys.stdout.write(f"{error}\n")
        raise SystemExit(1) from None
