"""A local stack as a Python object: for tests, the demo and the command line."""

import contextlib
import fcntl
import os
import shlex
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clawback_local import control, leftovers, postgres, scratch
from clawback_local.control import Event
from clawback_local.errors import StackError
from clawback_local.order import Order
from clawback_local.places import Places
from clawback_local.production import kafka_arguments
from clawback_local.services import replica

READY_DEADLINE_S = 180.0
OPERATION_DEADLINE_S = 120.0
END_DEADLINE_S = 60.0
Progress = Callable[[Event], None]


class Stack:
    """Kafka, PostgreSQL and, unless `parts` selects fewer, everything else; stopped at the end of the block.

    `run_dir` contains all its data; None creates a temporary one that is deleted afterwards. `parts` are names of
    `processes.py`; their dependencies are included. `env` has extra variables by part (`"*"`: every part). Several
    stacks
    can run concurrently: each claims its own ports, the documented ones only with `documented_ports`. `production` runs
    every process in production mode, with TLS and credentials on every connection. With `replicas`, every worker and
    API
    has that many processes: the second of `ingester-worker` is the part `ingester-worker-2`. `progress` is called with
    every change: `{"part", "state", "detail", "after_s"}`. The supervisor ends with this process, however it ends.

    Every method blocks; in a coroutine call it through `asyncio.to_thread`.
    """

    def __init__(
        self,
        run_dir: Path | str | None = None,
        parts: Iterable[str] | None = None,
        *,
        env: Mapping[str, Mapping[str, str]] | None = None,
        documented_ports: bool = False,
        production: bool = False,
        replicas: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self._temporary = run_dir is None
        folder = _temporary_folder() if run_dir is None else Path(run_dir)
        self.places = Places(folder.absolute())
        self._parts = None if parts is None else tuple(parts)
        self._extra = dict(env or {})
        self._documented_ports = documented_ports
        self.production = production
        self.replicas = replicas
        self._progress = progress
        self._supervisor: subprocess.Popen[bytes] | None = None

    @property
    def run_dir(self) -> Path:
        """The folder of this stack's logs, data and keys."""
        return self.places.run

    @property
    def env(self) -> dict[str, str]:
        """The stack's addresses and files by the names of settings, as in `.run/env`."""
        return read_env(self.places)

    def __enter__(self) -> Self:
        """Starts it, and waits until everything is ready."""
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops it; a temporary folder is deleted."""
        self.down()

    def up(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Starts it and waits until everything is ready.

        Raises:
            StackError: it failed; nothing is left running.
        """
        order = Order(
            run=str(self.places.run),
            parts=self._parts,
            env=self._extra,
            documented_ports=self._documented_ports,
            lifeline=True,
            production=self.production,
            replicas=self.replicas,
        )
        self._supervisor = start_supervisor(order)
        try:
            self.wait_ready(deadline_s=deadline_s)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stops everything; does nothing if it is not running."""
        if self._supervisor is not None:
            end_supervisor(self._supervisor)
            self._supervisor = None
        if self._temporary:
            delete(self.places)

    def wait_ready(self, *parts: str, deadline_s: float = READY_DEADLINE_S) -> None:
        """Waits until these parts (none given: all) are ready."""
        self._ask({"op": "wait", "parts": parts}, deadline_s)

    def start(self, part: str) -> None:
        """Starts a stopped part, and waits until it is ready."""
        self._ask({"op": "start", "part": part})

    def stop(self, part: str) -> None:
        """Stops a part gracefully; it stays stopped until `start`."""
        self._ask({"op": "stop", "part": part})

    def kill(self, part: str) -> None:
        """Sends SIGKILL to a part; returns when it has ended. It is restarted: `wait_ready(part)` waits for that."""
        self._ask({"op": "kill", "part": part})

    def wipe(self, part: str) -> None:
        """Deletes the data of `kafka` or `postgres` and restarts it, with its topics or schemas created again."""
        self._ask({"op": "wipe", "part": part})

    def status(self) -> list[dict[str, Any]]:
        """Returns a row per part: part, state, up, pid, address, restarts, group, detail."""
        rows: list[dict[str, Any]] = self._ask({"op": "status"})
        return rows

    def address(self, part: str) -> str:
        """Returns `host:port` of a part."""
        for row in self.status():
            if row["part"] == part and row["address"]:
                return str(row["address"])
        raise StackError(f"{part} has no address")

    def pid(self, part: str) -> int:
        """Returns the process id of a running part."""
        for row in self.status():
            if row["part"] == part and row["pid"]:
                return int(row["pid"])
        raise StackError(f"{part} is not running")

    def processes(self, part: str) -> tuple[str, ...]:
        """Returns the names of all replicas of a worker or an API, starting with itself."""
        return tuple(replica(part, number) for number in range(1, self.replicas + 1))

    def environment(self, part: str) -> dict[str, str]:
        """Returns the environment of a part's process, to run a job of that service as a CronJob would."""
        environment: dict[str, str] = self._ask({"op": "environment", "part": part})
        return environment

    @property
    def client_context(self) -> ssl.SSLContext | bool:
        """Returns a context for httpx that trusts the stack's certificates; without TLS, the system's."""
        return ssl.create_default_context(cafile=self.places.tls / "ca.crt") if self.production else True

    @property
    def kafka(self) -> dict[str, Any]:
        """Returns how an aiokafka client connects to the broker as the operator."""
        return kafka_arguments(self.places, self.env["KAFKA_BOOTSTRAP_SERVERS"])

    def log(self, part: str) -> str:
        """Returns the complete log of a part."""
        return self.places.log(part).read_text(errors="replace")

    def _ask(self, request: Event, deadline_s: float = OPERATION_DEADLINE_S) -> Any:
        return control.ask(self.places, request, timeout_s=deadline_s, on_event=self._progress)


def start_supervisor(order: Order) -> "subprocess.Popen[bytes]":
    """Starts a supervisor in its own session; returns when it accepts requests."""
    places = Places(Path(order.run))
    places.make()
    reading, writing = os.pipe()
    with places.supervisor_log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            [sys.executable, "-m", "clawback_local.supervisor", order.to_json(), str(writing)],
            stdin=subprocess.PIPE if order.lifeline else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    try:
        with open(reading) as announced:  # noqa: PTH123 - a descriptor, no path
            word = announced.read().strip()
    except BaseException:
        end_supervisor(process)
        raise
    if word != "ready":
        end_supervisor(process)
        raise StackError(word or f"the supervisor ended immediately; see {places.supervisor_log}")
    return process


def end_supervisor(process: "subprocess.Popen[bytes]") -> None:
    """Requests it to stop everything, and waits for that."""
    process.terminate()
    try:
        process.wait(timeout=END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def end_background(places: Places) -> bool:
    """Stops the supervisor that runs in the background. Returns False if there is none."""
    try:
        control.ask(places, {"op": "down"}, timeout_s=5)
    except StackError:
        return False
    end = time.monotonic() + END_DEADLINE_S
    while control.runs(places) or (places.run / control.NAME).exists():
        if time.monotonic() > end:
            raise StackError(f"the stack did not stop within {END_DEADLINE_S:.0f} s; see {places.logs}")
        time.sleep(0.05)
    return True


def delete(places: Places) -> None:
    """Deletes a run folder, and the stack's data outside of it."""
    if not places.run.exists():
        return
    with contextlib.suppress(FileNotFoundError):
        leftovers.clean_up(places)
    postgres.wipe(places.postgres)
    shutil.rmtree(places.run)


def _temporary_folder() -> Path:
    for folder in scratch.abandoned():
        if not _is_locked(Places(folder)):
            delete(Places(folder))
    return scratch.make()


def _is_locked(places: Places) -> bool:
    """Whether a supervisor holds this folder's lock, even if it is too busy to answer."""
    if not places.lock.exists():
        return False
    with places.lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_env(places: Places) -> dict[str, str]:
    """Reads the file `env` of a run folder."""
    if not places.env.exists():
        raise StackError(f"{places.env} does not exist: is the stack running?")
    pairs = (line.split("=", 1) for line in places.env.read_text().splitlines())
    return {name: shlex.split(value)[0] for name, value in pairs}
