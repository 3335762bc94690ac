"""The command ``archive``: verifies and prints archives of deleted records."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import orjson

from clawback_common.errors import Poison, Stop, Transient
from clawback_common.retention.archive import ArchiveStore
from clawback_common.service.process import ExitCode


def archive_arguments(parser: ArgumentParser) -> None:
    """Adds the arguments of the command ``archive``."""
    parser.add_argument("do", choices=tuple(_DO), help="compare it with its manifest, or print it")
    parser.add_argument(
        "path", metavar="PATH", help="its manifest, or a folder above it; or the same at s3:// or gs://"
    )


def archive_command(chosen: Namespace) -> int:
    """Runs ``compliance archive DO PATH``; it needs no database, and no store for a copied folder.

    Returns 0 if every file is unchanged, 1 if the store cannot be read, 2 if the address is wrong, and 3 if a file
    differs or there is no archive.
    """
    path = "archive"
    try:
        store, found = _archives(chosen.path)
        for path in found:
            _DO[chosen.do](store, path)
    except (Poison, Stop, Transient) as error:
        sys.stderr.write(f"{path}: {error}\n")
        return _FAILED[type(error)]
    if chosen.do == "verify":
        sys.stdout.write(f"{len(found)} archives are unchanged\n")
    return ExitCode.OK


def _archives(where: str) -> tuple[ArchiveStore, Sequence[str]]:
    """Returns the store and the paths of the manifests in it."""
    folder = None if "://" in where else Path(where).resolve()
    above, _, name = (folder.as_uri() if folder else where).rpartition("/")
    named = name.endswith(".json")
    tls_only = os.environ.get("ENVIRONMENT", "development") != "development"
    store = ArchiveStore(above if named else f"{above}/{name}", tls_only=tls_only)
    found = [] if folder and not folder.exists() else [name] if named else store.manifests()
    if not found:
        raise Poison("archive_missing", "there is no archive here")
    return store, found


def _print_result(store: ArchiveStore, path: str) -> None:
    manifest = store.verify(path)
    counts = ", ".join(f"{count} {name}" for name, count in manifest.schemas.items())
    sys.stdout.write(f"{path}: {manifest.records} records ({counts})\n")


def _print_records(store: ArchiveStore, path: str) -> None:
    for record in store.read(path):
        line = orjson.dumps({"schema": record.schema, "record": record.value})
        sys.stdout.write(f"{line.decode()}\n")


_DO = {"verify": _print_result, "read": _print_records}
_FAILED = {Transient: ExitCode.RETRY, Stop: ExitCode.CONFIG, Poison: ExitCode.ATTENTION}
