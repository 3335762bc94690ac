"""Looking into archives by a command: what was removed for its age can be read back."""

import sys
from pathlib import Path

import orjson

from clawback_common.errors import Poison
from clawback_common.sweeping.archive import MANIFEST, read, verify

DONE, PEOPLE_MUST_LOOK = 0, 3


def verify_command(path: Path) -> int:
    """``compliance archive verify PATH``: 0 every file is as it was written, 3 one is not."""
    found = sorted(_manifests(path))
    try:
        for one in found:
            manifest = verify(one)
            counts = ", ".join(f"{count} {name}" for name, count in manifest.schemas.items())
            sys.stdout.write(f"{one}: {manifest.records} records ({counts})\n")
    except Poison as error:
        return _damaged(one, error)
    sys.stdout.write(f"{len(found)} archives are as they were written\n")
    return DONE if found else _nothing(path)


def read_command(path: Path) -> int:
    """``compliance archive read PATH``: a line a record. 0 all was read, 3 a file is not as it was written."""
    found = sorted(_manifests(path))
    try:
        for one in found:
            for record in read(one):
                line = orjson.dumps({"schema": record.schema, "record": record.value})
                sys.stdout.write(f"{line.decode()}\n")
    except Poison as error:
        return _damaged(one, error)
    return DONE if found else _nothing(path)


def _manifests(path: Path) -> list[Path]:
    return list(path.rglob(MANIFEST)) if path.is_dir() else [path]


def _damaged(path: Path, error: Poison) -> int:
    sys.stderr.write(f"{path}: {error}\n")
    return PEOPLE_MUST_LOOK


def _nothing(path: Path) -> int:
    sys.stderr.write(f"there is no archive below {path}\n")
    return PEOPLE_MUST_LOOK
