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
    """Kafka, PostgreSQL and, unless `parts` names fewer, everything else; ended with the block.

    `run_dir` holds it all; none makes a temporary one that is deleted afterwards. `parts` are names of
    `processes.py`; what they need comes along. `env` has extra variables by part (`"*"`: every part). Several
    stacks run side by side: each claims ports of its own, the documented ones only with `documented_ports`.
    `production` runs every process in production mode, with TLS and credentials on every connection. With `replicas`
    every worker and API has so many processes: the second of `ingester-worker` is the part `ingester-worker-2`.
    `progress` is called with every change: `{"part", "state", "detail", "after_s"}`. The supervisor ends when
    this process does, however that happens.

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
        """Where logs, data and keys of this stack are."""
        return self.places.run

    @property
    def env(self) -> dict[str, str]:
        """The stack's addresses and files by the names of settings, as in `.run/env`."""
        return read_env(self.places)

    def __enter__(self) -> Self:
        """Start it, and wait until all is ready."""
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it; a temporary folder is deleted."""
        self.down()

    def up(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Start it and wait until everything is ready; StackError in words, with nothing left, when not."""
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
        """End everything; nothing when it does not run."""
        if self._supervisor is not None:
            end_supervisor(self._supervisor)
            self._supervisor = None
        if self._temporary:
            delete(self.places)

    def wait_ready(self, *parts: str, deadline_s: float = READY_DEADLINE_S) -> None:
        """Wait until these parts (none: all) are ready."""
        self._ask({"op": "wait", "parts": parts}, deadline_s)

    def start(self, part: str) -> None:
        """Start a stopped part, and wait until it is ready."""
        self._ask({"op": "start", "part": part})

    def stop(self, part: str) -> None:
        """Stop a part in good order; it stays down until `start`."""
        self._ask({"op": "stop", "part": part})

    def kill(self, part: str) -> None:
        """SIGKILL a part; back when it is gone. It is started again: `wait_ready(part)` waits for that."""
        self._ask({"op": "kill", "part": part})

    def wipe(self, part: str) -> None:
        """Delete the data of `kafka` or `postgres` and start it anew, topics or schemas made again."""
        self._ask({"op": "wipe", "part": part})

    def status(self) -> list[dict[str, Any]]:
        """A row for each part: part, state, up, pid, address, restarts, group, detail."""
        rows: list[dict[str, Any]] = self._ask({"op": "status"})
        return rows

    def address(self, part: str) -> str:
        """`host:port` of a part."""
        for row in self.status():
            if row["part"] == part and row["address"]:
                return str(row["address"])
        raise StackError(f"{part} has no address")

    def pid(self, part: str) -> int:
        """The process id of a part that runs now."""
        for row in self.status():
            if row["part"] == part and row["pid"]:
                return int(row["pid"])
        raise StackError(f"{part} does not run")

    def processes(self, part: str) -> tuple[str, ...]:
        """The names of all replicas of a worker or an API, the first of them its own."""
        return tuple(replica(part, number) for number in range(1, self.replicas + 1))

    def environment(self, part: str) -> dict[str, str]:
        """The environment of a part's process: to run a job of that service, as a CronJob would."""
        environment: dict[str, str] = self._ask({"op": "environment", "part": part})
        return environment

    @property
    def client_context(self) -> ssl.SSLContext | bool:
        """As httpx takes it: trusts the stack's certificates, or the system's where it has none."""
        return ssl.create_default_context(cafile=self.places.tls / "ca.crt") if self.production else True

    @property
    def kafka(self) -> dict[str, Any]:
        """How a client of aiokafka reaches the broker, as the operator."""
        return kafka_arguments(self.places, self.env["KAFKA_BOOTSTRAP_SERVERS"])

    def log(self, part: str) -> str:
        """All that a part has logged."""
        return self.places.log(part).read_text(errors="replace")

    def _ask(self, request: Event, deadline_s: float = OPERATION_DEADLINE_S) -> Any:
        return control.ask(self.places, request, timeout_s=deadline_s, on_event=self._progress)


def start_supervisor(order: Order) -> "subprocess.Popen[bytes]":
    """Start a supervisor in a session of its own; back when it can be asked."""
    places = Places(Path(order.run))
    places.make()
    reading, writing = os.pipe()
    with places.supervisor_log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - arguments are ours
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
        raise StackError(word or f"the supervisor died at once; see {places.supervisor_log}")
    return process


def end_supervisor(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end everything, and wait for that."""
    process.terminate()
    try:
        process.wait(timeout=END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def end_background(places: Places) -> bool:
    """End the supervisor that runs in the background; False when there is none."""
    try:
        control.ask(places, {"op": "down"}, timeout_s=5)
    except StackError:
        return False
    end = time.monotonic() + END_DEADLINE_S
    while control.runs(places) or (places.run / control.NAME).exists():
        if time.monotonic() > end:
            raise StackError(f"the stack did not end within {END_DEADLINE_S:.0f} s; see {places.logs}")
        time.sleep(0.05)
    return True


def delete(places: Places) -> None:
    """Delete a run folder and what the stack keeps outside of it."""
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
    """Whether a supervisor has this folder, also one that is too busy to answer."""
    if not places.lock.exists():
        return False
    with places.lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_env(places: Places) -> dict[str, str]:
    """The file `env` of a run folder."""
    if not places.env.exists():
        raise StackError(f"{places.env} is not there: is the stack up?")
    pairs = (line.split("=", 1) for line in places.env.read_text().splitlines())
    return {name: shlex.split(value)[0] for name, value in pairs}
