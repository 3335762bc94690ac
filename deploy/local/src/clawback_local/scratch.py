"""Where a stack that lives for minutes has its data: in memory where there is plenty, else where temporary files are.

Databases are made and dropped by the hundred in tests; on a disk most of their time goes into files of those.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it are made by `mkdtemp`
ROOM = 4 * 1024**3
"""Bytes that a stack may come to need, most of them PostgreSQL's log of writes."""
AVAILABLE = 3 * ROOM
"""Bytes of memory that must be free before: others need some as well."""
ABANDONED_S = 3600.0
"""After which a folder that no supervisor has is deleted."""
_PREFIX = "clawback-"
_MEMINFO = Path("/proc/meminfo")


def base() -> Path:
    """The folder to make a folder in; `TMPDIR` decides where it is set."""
    if "TMPDIR" not in os.environ and _has_room():
        return MEMORY
    return Path(tempfile.gettempdir())


def make() -> Path:
    """A new folder of a stack."""
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base()))


def abandoned() -> list[Path]:
    """Folders of ours in memory in which nothing was made for long: whoever made them may have been killed."""
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
    """The base that a folder is in, for what cannot be in the folder itself."""
    return MEMORY if folder.is_relative_to(MEMORY) else Path(tempfile.gettempdir())


def _has_room() -> bool:
    writable = MEMORY.is_dir() and os.access(MEMORY, os.W_OK | os.X_OK)
    return writable and shutil.disk_usage(MEMORY).free >= ROOM and _available() >= AVAILABLE


def _available() -> int:
    """Bytes of memory that the machine can give."""
    for line in _MEMINFO.read_text().splitlines() if _MEMINFO.exists() else ():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return 0
