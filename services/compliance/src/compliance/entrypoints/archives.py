"""Looking into archives by a command: what was removed for its age can be read back."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from clawback_common.errors import Poison
from clawback_common.retention.archive import MANIFEST, read, verify
from clawback_common.service.process import ExitCode


def archive_arguments(parser: ArgumentParser) -> None:
    """Those of the command ``archive``."""
    parser.add_argument("do", choices=("verify", "read"), help="compare it with its manifest, or print it")
    parser.add_argument("path", type=Path, metavar="PATH", help="its manifest, or the folder of it")


def archive_command(chosen: Namespace) -> int:
    """``compliance archive DO PATH``: an archive is read wherever it lies."""
    return verify_command(chosen.path) if chosen.do == "verify" else read_command(chosen.path)


def verify_command(path: Path) -> int:
    """``compliance archive verify PATH``: 0 every file is as it was written, 3 one is not."""
    found = _manifests(path)
    code = _each(path, found, _tell)
    if code == ExitCode.OK:
        sys.stdout.write(f"{len(found)} archives are as they were written\n")
    return code


def read_command(path: Path) -> int:
    """``compliance archive read PATH``: a line a record. 0 all was read, 3 a file is not as it was written."""
    return _each(path, _manifests(path), _print)


def _each(path: Path, manifests: Sequence[Path], do: Callable[[Path], None]) -> int:
    for one in manifests:
        try:
            do(one)
        except Poison as error:
            sys.stderr.write(f"{one}: {error}\n")
            return ExitCode.ATTENTION
    if not manifests:
        sys.stderr.write(f"there is no archive below {path}\n")
    return ExitCode.OK if manifests else ExitCode.ATTENTION


def _tell(one: Path) -> None:
    manifest = verify(one)
    counts = ", ".join(f"{count} {name}" for name, count in manifest.schemas.items())
    sys.stdout.write(f"{one}: {manifest.records} records ({counts})\n")


def _print(one: Path) -> None:
    for record in read(one):
        line = orjson.dumps({"schema": record.schema, "record": record.value})
        sys.stdout.write(f"{line.decode()}\n")


def _manifests(path: Path) -> list[Path]:
    return sorted(path.rglob(MANIFEST)) if path.is_dir() else [path]
