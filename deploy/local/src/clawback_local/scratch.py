"""Selects the data folder of a short-lived stack: in memory if there is enough, otherwise the temporary folder.

Tests create and drop databases by the hundred; on a disk, their files take most of the time.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it are created by `mkdtemp`
ROOM = 4 * 1024**3
"""Bytes that a stack may need, most of them for PostgreSQL's write-ahead log."""
AVAILABLE = 3 * ROOM
"""Bytes of free memory that are required, because others need some as well."""
ABANDONED_S = 3600.0
"""After this time a folder without a supervisor is deleted."""
_PREFIX = "clawback-"
_MEMINFO = Path("/proc/meminfo")


def base() -> Path:
    """The parent folder; `TMPDIR` overrides it."""
    if "TMPDIR" not in os.environ and _has_room():
        return MEMORY
    return Path(tempfile.gettempdir())


def make() -> Path:
    """Creates the folder of a stack."""
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base()))


def abandoned() -> list[Path]:
    """Returns our folders in memory that were unused for long: their creator may have been killed."""
    before = time.time() - ABANDONED_S
    folders = MEMORY.glob(f"{_PREFIX}????????") if MEMORY.is_dir() else ()
    return [path for path in folders if _is_ours(path, before)]


def _is_ours(path: Path, before: float) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return found.st_uid == os.geteuid() and found.st_mtime < before


def beside(folder: Path) -> Path:
    """Returns the parent of a folder, for what cannot be in the folder itself."""
    return MEMORY if folder.is_relative_to(MEMORY) else Path(tempfile.gettempdir())


def _has_room() -> bool:
    writable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)
    return writable and shutil.disk_usage(MEMORY).free >= ROOM and _available() >= AVAILABLE


def _available() -> int:
    """Returns the bytes of memory that the machine has available."""
    for line in _MEMINFO.read_text().splitlines() if _MEMINFO.exists() else ():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return 0
