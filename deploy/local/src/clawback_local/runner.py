"""The life cycle of one part: started when its dependencies are ready, monitored, and restarted when it dies."""

import asyncio
import contextlib
import enum
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

from clawback_local import postgres, waiting
from clawback_local.errors import StackError
from clawback_local.parts import Answers, Command, Finishes, Listens, Part
from clawback_local.site import Site

BACKOFF_S_FIRST = 0.1
BACKOFF_S_MAX = 5.0
STEADY_S = 20.0
"""A process that was ready this long is restarted without the backoff of its earlier deaths."""
ATTEMPTS_MAX = 5
EXIT_A_PERSON_MUST_LOOK = 2
LOG_TAIL_LINES = 12


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
    """Runs one part until it is stopped. It is one task; its methods send it requests."""

    def __init__(
        self,
        part: Part,
        site: Site,
        extra_env: Mapping[str, str],
        needs: Mapping[str, "Runner"],
        changed: Callable[["Runner"], None],
    ) -> None:
        self.part = part
        self.state = State.STOPPED
        self.detail = ""
        self.restarts = 0
        self.pid: int | None = None
        self.failure: str | None = None
        """Why it has failed permanently, as text; the failure of a dependency, if that is the cause."""
        self._site = site
        self._extra_env = extra_env
        self._needs = needs
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._settled = asyncio.Condition()

    def start(self) -> None:
        """Starts it, also after a stop; does nothing if it is running."""
        if self._task is None or self._task.done():
            self._stopping, self.failure = False, None
            self._set(State.WAITING)
            self._task = asyncio.create_task(self._guarded_life(), name=self.part.name)

    async def stop(self) -> None:
        """Stops it: with its own signal first, with SIGKILL after a timeout."""
        self._stopping = True
        process, task = self._process, self._task
        if process is not None:
            await self._end(process)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._task = None
        self._set(State.STOPPED)

    async def kill(self) -> None:
        """Sends SIGKILL, as a fault; it will be restarted. Returns when the process has ended."""
        process = self._process
        if process is None or process.returncode is not None:
            raise StackError(f"{self.part.name} has no running process ({self.state})")
        self._set(State.RESTARTING, "killed on request")
        process.kill()
        await process.wait()

    async def wait_up(self) -> None:
        """Waits until it is ready (a one-shot: done).

        Raises:
            StackError: it has failed.
        """
        async with self._settled:
            await self._settled.wait_for(lambda: self.state in UP or self.state is State.FAILED)
        if self.failure is not None:
            raise StackError(self.failure)

    def environment(self) -> dict[str, str]:
        """Returns the user's environment, overridden by the part's and the requested variables."""
        own = {name: self._site.fill(value) for name, value in self.part.env.items()}
        return {**self._site.environment, **own, **self._extra_env}

    async def _guarded_life(self) -> None:
        try:
            for need in self._needs.values():
                await need.wait_up()
        except StackError as error:
            self._fail(str(error), "a dependency has failed")
            return
        try:
            await self._life()
        except StackError as error:
            self._fail(f"{self.part.name} failed: {error}", str(error))
        except Exception as error:  # noqa: BLE001 - the outermost loop of a part: the error is reported, other parts continue
            self._fail(f"{self.part.name} failed: {type(error).__name__}: {error}", type(error).__name__)

    def _fail(self, failure: str, detail: str) -> None:
        self.failure = failure
        self._set(State.FAILED, detail)

    async def _life(self) -> None:
        backoff_s, attempts, was_up = BACKOFF_S_FIRST, 0, False
        while True:
            began = time.monotonic()
            up = await self._one_process()
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

    async def _one_process(self) -> bool:
        """Runs one process to its end. Returns whether it was ready meanwhile; `detail` has the cause of its end."""
        self._set(State.STARTING)
        if self.part.inside is not None:
            await self.part.inside(self._site)
        command = await self._command()
        if command is None:
            self._set(State.DONE)
            return True
        process = await self._spawn(command)
        try:
            up = await self._become_ready(process)
            code = await process.wait()
        finally:
            await self._bury(process)
        self._judge(code, up=up)
        return up

    async def _command(self) -> Command | None:
        if self.part.command is not None:
            return await self.part.command(self._site)
        if not self.part.argv:
            return None
        return Command(tuple(self._site.fill(word) for word in self.part.argv))

    async def _spawn(self, command: Command) -> asyncio.subprocess.Process:
        argv = (*postgres.launcher(command.identity, self.part.death_signal), *command.argv)
        with self._site.places.log(self.part.name).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment(),
                cwd="/" if command.identity.isdecimal() else self._site.places.run,
                start_new_session=True,
            )
        self._process, self.pid = process, process.pid
        remember(self._site.places.pids / self.part.name, process.pid)
        return process

    async def _become_ready(self, process: asyncio.subprocess.Process) -> bool:
        """Waits for the ready condition or the end of the process, whichever is first."""
        if self.part.is_one_shot:
            return False
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self._reach_ready())
        try:
            await asyncio.wait({ended, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                return False
            if not ready.result():
                self.detail = f"not ready within {self.part.deadline_s:g} s"
                await self._end(process)
                return False
            if not ended.done():
                self._set(State.READY)
            return True
        finally:
            for task in (ended, ready):
                task.cancel()

    async def _reach_ready(self) -> bool:
        port, up = self._site.ports[self.part.port_name or ""], True
        match self.part.ready:
            case Listens():
                up = await waiting.until(lambda: waiting.listens(port), deadline_s=self.part.deadline_s)
            case Answers(path):
                context = self._site.client_context
                up = await waiting.until(
                    lambda: waiting.answers(port, path, context=context), deadline_s=self.part.deadline_s
                )
            case Finishes():
                pass
            case _ as never:
                assert_never(never)
        if up and self.part.settle is not None:
            await self.part.settle(self._site)
        return up

    def _judge(self, code: int, *, up: bool) -> None:
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        if self.part.is_one_shot and code == 0:
            self._set(State.DONE)
        elif code == EXIT_A_PERSON_MUST_LOOK and not up and self.restarts == 0 and not self._stopping:
            raise StackError(f"{how}\n{self._log_tail()}")
        elif not self.detail.startswith("not ready"):
            self.detail = how

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.part.stop_signal)
        try:
            async with asyncio.timeout(self.part.stop_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _bury(self, process: asyncio.subprocess.Process) -> None:
        """Stops all processes of its session, and deletes its record."""
        if process.returncode is None:
            process.kill()
            await process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        (self._site.places.pids / self.part.name).unlink(missing_ok=True)
        self._process, self.pid = None, None

    def _set(self, state: State, detail: str = "") -> None:
        self.state, self.detail = state, detail
        self._changed(self)
        self._waker = asyncio.get_running_loop().create_task(self._wake())

    async def _wake(self) -> None:
        async with self._settled:
            self._settled.notify_all()

    def _log_tail(self) -> str:
        path = self._site.places.log(self.part.name)
        lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if path.exists() else []
        return "\n".join([f"  (from {path})", *(f"  {line}" for line in lines)])


def remember(path: Path, pid: int) -> None:
    """Records a process by pid and start time, because a pid may be reused."""
    path.write_text(json.dumps({"pid": pid, "started": started(pid)}))


def started(pid: int) -> str | None:
    """Returns the kernel's start time of a process; None if it does not exist."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
