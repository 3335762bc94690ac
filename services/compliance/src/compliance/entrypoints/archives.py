"""The command ``archive``: verifies and prints archives of deleted records."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import orjson

from clawback_common.errors import Poison
from clawback_common.retention.archive import MANIFEST, read, verify
from clawback_common.service.process import ExitCode


def archive_arguments(parser: ArgumentParser) -> None:
    """Adds the arguments of the command ``archive``."""
    parser.add_argument("do", choices=("verify", "read"), help="compare it with its manifest, or print it")
    parser.add_argument("path", type=Path, metavar="PATH", help="its manifest, or a folder above it")


def archive_command(chosen: Namespace) -> int:
    """Runs ``compliance archive DO PATH``; it needs no database."""
    return verify_command(chosen.path) if chosen.do == "verify" else read_command(chosen.path)


def verify_command(path: Path) -> int:
    """Runs ``compliance archive verify PATH``. Returns 0 if every file is unchanged, 3 if one differs."""
    found = _manifests(path)
    code = _each(path, found, _print_result)
    if code == ExitCode.OK:
        sys.stdout.write(f"{len(found)} archives are unchanged\n")
    return code


def read_command(path: Path) -> int:
    """Runs ``compliance archive read PATH``: one line of JSON per record. Returns 3 if a file differs, else 0."""
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


def _print_result(one: Path) -> None:
    manifest = verify(one)
    counts = ", ".join(f"{count} {name}" for name, count in manifest.schemas.items())
    sys.stdout.write(f"{one}: {manifest.records} records ({counts})\n")


def _print(one: Path) -> None:
    for record in read(one):
        line = orjson.dumps({"schema": record.schema, "record": record.value})
        sys.stdout.write(f"{line.decode()}\n")


def _manifests(path: Path) -> list[Path]:
    return sorted(path.rglob(MANIFEST)) if path.is_dir() else [path]
