"""A local stack as a Python object: for tests, the demo and the command line. Asks its supervisor over a socket."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from clawback_local.config import Paths, StackError, locked
from clawback_local.processes import cleanup

READY_DEADLINE_S = 180.0
OPERATION_DEADLINE_S = 120.0
END_DEADLINE_S = 60.0
ANY_PART = "*"
MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it are created by `mkdtemp`
MEMINFO = Path("/proc/meminfo")
ROOM = 4 * 1024**3  # bytes that a stack in memory may need, most of them for PostgreSQL's write-ahead log
AVAILABLE = 3 * ROOM  # bytes of free memory that are required, because others need some as well
ABANDONED_S = 3600.0  # after this time a folder in memory without a supervisor is deleted
PREFIX = "clawback-"

Event = dict[str, Any]
Progress = Callable[[Event], None]


@dataclass(frozen=True)
class SupervisorSpec:
    """What a supervisor runs, as JSON on its command line; see `Stack`."""

    run: str
    parts: Sequence[str] | None = None
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    documented_ports: bool = True
    lifeline: bool = (
        False  # stop everything when stdin closes: a stack cannot outlive the test that created it
    )
    production: bool = False
    replicas: int = 1


class Stack:
    """Kafka, PostgreSQL and, unless `parts` selects fewer, everything else; stopped at the end of the block.

    `run_dir` contains all its data; None creates a temporary one that is deleted afterwards. `parts` are names of
    `parts.py`; their dependencies are included. `env` has extra variables by part (`"*"`: every part). Several stacks
    can run concurrently: each claims its own ports, the documented ones only with `documented_ports`. `production` runs
    every process in production mode, with TLS and credentials on every connection. With `replicas`, every worker and
    API has that many processes: the second of `ingester-worker` is the part `ingester-worker-2`. `progress` is called
    with every change: `{"part", "state", "detail", "after_s"}`. The supervisor ends with this process, however it ends.

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
        self.paths = Paths(temporary_folder() if run_dir is None else Path(run_dir))
        self.run_dir = self.paths.run
        self.production = production
        self.replicas = replicas
        self._progress = progress
        self._supervisor: subprocess.Popen[str] | None = None
        names = None if parts is None else tuple(parts)
        run = str(self.run_dir)
        self._spec = SupervisorSpec(run, names, env or {}, documented_ports, True, production, replicas)  # noqa: FBT003 - as above

    @property
    def env(self) -> dict[str, str]:
        """The stack's addresses and files by the names of settings, as in `.run/env`."""
        return self.paths.read_env()

    def __enter__(self) -> Self:
        """Starts it, and waits until everything is ready."""
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it; a temporary folder is deleted."""
        self.down()

    def up(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Starts it and waits until everything is ready. If it raises StackError, nothing is left running."""
        self._supervisor = start_supervisor(self._spec)
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
            delete(self.paths)

    def wait_ready(self, *parts: str, deadline_s: float = READY_DEADLINE_S) -> None:
        """Waits until these parts (none given: all) are ready."""
        self._ask("wait", deadline_s, parts=parts)

    def start(self, part: str) -> None:
        """Starts a stopped part, and waits until it is ready."""
        self._ask("start", part=part)

    def stop(self, part: str) -> None:
        """Stops a part gracefully; it stays stopped until `start`."""
        self._ask("stop", part=part)

    def kill(self, part: str) -> None:
        """Sends SIGKILL to a part; returns when it has ended. It is restarted: `wait_ready(part)` waits for that."""
        self._ask("kill", part=part)

    def wipe(self, part: str) -> None:
        """Deletes the data of `kafka` or `postgres` and restarts it, with its topics or schemas created again."""
        self._ask("wipe", part=part)

    def status(self) -> list[dict[str, Any]]:
        """Returns a row per part: part, state, up, pid, address, restarts, group, detail."""
        rows: list[dict[str, Any]] = self._ask("status")
        return rows

    def address(self, part: str) -> str:
        """Returns `host:port` of a part."""
        return str(self._value(part, "address", "has no address"))

    def pid(self, part: str) -> int:
        """Returns the process id of a running part."""
        return int(self._value(part, "pid", "is not running"))

    def processes(self, part: str) -> tuple[str, ...]:
        """Returns the names of all replicas of a worker or an API, starting with itself."""
        return (part, *(f"{part}-{number}" for number in range(2, self.replicas + 1)))

    def environment(self, part: str) -> dict[str, str]:
        """Returns the environment of a part's process, to run a job of that service as a CronJob would."""
        environment: dict[str, str] = self._ask("environment", part=part)
        return environment

    @property
    def client_context(self) -> ssl.SSLContext | bool:
        """A context for httpx that trusts the stack's certificates; without TLS, the system's."""
        return ssl.create_default_context(cafile=self.paths.cafile) if self.production else True

    @property
    def kafka(self) -> dict[str, Any]:
        """How an aiokafka client connects to the broker as the operator."""
        return self.paths.kafka_arguments(self.env["KAFKA_BOOTSTRAP_SERVERS"])

    def _value(self, part: str, column: str, otherwise: str) -> Any:
        for row in self.status():
            if row["part"] == part and row[column]:
                return row[column]
        raise StackError(f"{part} {otherwise}")

    def _ask(self, op: str, deadline_s: float = OPERATION_DEADLINE_S, **arguments: Any) -> Any:
        return ask(self.paths, op, timeout_s=deadline_s, on_event=self._progress, **arguments)


@contextmanager
def socket_path(paths: Paths) -> Iterator[str]:
    """Yields a path to the socket through a descriptor of its folder: socket paths have at most 107 characters."""
    folder = os.open(paths.run, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{paths.socket.name}"
    finally:
        os.close(folder)


def ask(paths: Paths, op: str, timeout_s: float, on_event: Progress | None = None, **arguments: Any) -> Any:
    """Sends a request to the supervisor of a run folder; returns its result, or raises its StackError."""
    end = time.monotonic() + timeout_s
    event: Event = {}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        try:
            with socket_path(paths) as path:
                connection.connect(path)
        except OSError:
            raise StackError(f"no stack is running in {paths.run}") from None
        with contextlib.suppress(ConnectionError):  # it may stop during the request
            try:
                connection.sendall(json.dumps({"op": op, **arguments}).encode() + b"\n")
                for line in connection.makefile("rb"):
                    connection.settimeout(max(0.01, end - time.monotonic()))
                    event = json.loads(line)
                    if on_event is not None and "ok" not in event:
                        on_event(event)
            except TimeoutError:
                raise StackError(f"the supervisor did not finish {op} within {timeout_s:.0f} s") from None
    if not event.get("ok"):
        raise StackError(event.get("error", "the supervisor stopped before it answered"))
    return event["result"]


def is_running(paths: Paths) -> bool:
    """Whether a supervisor answers in this run folder."""
    try:
        return ask(paths, "status", timeout_s=5) is not None
    except StackError:
        return False


def start_supervisor(spec: SupervisorSpec) -> "subprocess.Popen[str]":
    """Starts a supervisor in its own session; returns when it accepts requests."""
    paths = Paths(Path(spec.run))
    paths.create()
    with paths.log("supervisor").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            [sys.executable, "-m", "clawback_local.supervisor", json.dumps(asdict(spec))],
            stdin=subprocess.PIPE if spec.lifeline else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    word = ""
    try:
        word = process.stdout.readline().strip() if process.stdout else ""
    finally:
        if word != "ready":
            end_supervisor(process)
    if word != "ready":
        raise StackError(word or f"the supervisor ended immediately; see {paths.log('supervisor')}")
    return process


def end_supervisor(process: "subprocess.Popen[str]") -> None:
    """Requests it to stop everything, and waits for that."""
    process.terminate()
    try:
        process.communicate(timeout=END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def end_background(paths: Paths) -> bool:
    """Stops the supervisor that runs in the background. Returns False if there is none."""
    try:
        ask(paths, "down", timeout_s=5)
    except StackError:
        return False
    end = time.monotonic() + END_DEADLINE_S
    while is_running(paths) or paths.socket.exists():
        if time.monotonic() > end:
            raise StackError(f"the stack did not stop within {END_DEADLINE_S:.0f} s; see {paths.logs}")
        time.sleep(0.05)
    return True


def delete(paths: Paths) -> None:
    """Deletes a run folder, after stopping what a killed supervisor left."""
    if paths.run.exists():
        cleanup(paths)
        shutil.rmtree(paths.run)


def temporary_folder() -> Path:
    """Creates the folder of a short-lived stack: in memory if there is enough and `TMPDIR` is not set.

    Tests create and drop databases by the hundred; on a disk, their files take most of the time. Deletes folders in
    memory that were unused for long: their creator may have been killed.
    """
    for folder in MEMORY.glob(f"{PREFIX}????????"):
        with contextlib.suppress(FileNotFoundError):
            found = folder.stat()
            if found.st_uid == os.geteuid() and found.st_mtime < time.time() - ABANDONED_S:
                with locked(Paths(folder).lock) as is_unused:  # a supervisor may be too busy to answer
                    if is_unused:
                        delete(Paths(folder))
    in_memory = "TMPDIR" not in os.environ and os.access(MEMORY, os.W_OK) and has_room()
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=MEMORY if in_memory else None))


def has_room() -> bool:
    """Whether a stack, and others, have enough memory."""
    fields = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
    available = int(fields["MemAvailable"].split()[0]) * 1024
    return shutil.disk_usage(MEMORY).free >= ROOM and available >= AVAILABLE
