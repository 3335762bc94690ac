"""Archives: compressed files of JSON lines in a folder, with a manifest that contains the hash of each file.

A record counts as archived only after it was read back from the disk and compared. The functions block: call them in a
thread.
"""

import gzip
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clawback_common.errors import Poison, Stop, Transient
from clawback_contracts.sweep.v1 import Archive

FORMAT = "clawback-archive/1"
MANIFEST = "manifest.json"
RECORDS_MAX = 10_000
"""Per file: some megabytes, so that a damaged file loses few records."""


class Record(NamedTuple):
    """One archived record: the name of its schema, and its content."""

    schema: str
    value: Mapping[str, Any]


class File(BaseModel):
    """One file, as listed in the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9.-]{1,100}$")
    sha256: str
    bytes: int
    records: int


class Manifest(BaseModel):
    """The contents of an archive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    archive: str
    written_at: datetime
    records: int
    schemas: dict[str, int]
    """Number of records by schema."""
    files: tuple[File, ...]


class ArchiveFolder:
    """The folder of a service's archives."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def at(cls, url: str) -> "ArchiveFolder":
        """Return the folder at ``file:///…``.

        Raises:
            Stop: the URL has another scheme, or the path is not absolute.
        """
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
            raise Stop(
                f"ARCHIVE_URL begins with '{parts.scheme or 'nothing'}:': it must be file:/// and the absolute "
                "path of a folder, where another volume may be mounted"
            )
        return cls(Path(unquote(parts.path)))

    def write(self, name: str, records: Iterable[Record], written_at: datetime) -> Archive:
        """Write an archive and read it back; replace an incomplete one of that name.

        Args:
            name: a path below the folder, ``<class>/<sweep>/<number>``.
            records: in the order in which they are to be read.
            written_at: for the manifest.

        Raises:
            Transient: the folder cannot be written.
            Poison: the data read back differs from the data written.
        """
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            schemas = Counter[str]()
            files = [
                _write_part(folder, number, part, schemas)
                for number, part in enumerate(_parts(records), start=1)
            ]
            manifest = Manifest(
                format=FORMAT,
                archive=name,
                written_at=written_at,
                records=sum(file.records for file in files),
                schemas=dict(sorted(schemas.items())),
                files=tuple(files),
            )
            text = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"
            _put(folder / MANIFEST, text)
            _sync_folders(folder, self.root)
        except OSError as error:
            raise Transient(f"the archive cannot be written ({type(error).__name__})") from None
        found = verify(folder / MANIFEST)
        if found != manifest:
            raise Poison("archive_damaged", "the manifest read back is not the one written")
        return Archive(
            path=f"{name}/{MANIFEST}",
            sha256=hashlib.sha256(text).hexdigest(),
            records=manifest.records,
            bytes=sum(file.bytes for file in files) + len(text),
        )


def verify(manifest: Path) -> Manifest:
    """Read every file of an archive and compare it with the manifest.

    Raises:
        Poison: ``archive_damaged``, with the name of the file.
    """
    expected = _manifest(manifest)
    schemas = Counter[str]()
    for file in expected.files:
        data = _bytes(manifest.parent / file.name)
        if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
            raise Poison("archive_damaged", f"{file.name} differs from the file that was written")
        found = Counter(record.schema for record in _records(file.name, data))
        if found.total() != file.records:
            raise Poison(
                "archive_damaged", f"{file.name} does not contain the records that the manifest lists"
            )
        schemas += found
    if dict(schemas) != expected.schemas or sum(file.records for file in expected.files) != expected.records:
        raise Poison("archive_damaged", "the files do not contain the records that the manifest lists")
    return expected


def read(manifest: Path) -> Iterator[Record]:
    """Yield every record in order, after the files were compared with the manifest."""
    verified = verify(manifest)
    return chain.from_iterable(
        _records(file.name, _bytes(manifest.parent / file.name)) for file in verified.files
    )


def _parts(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    rest = iter(records)
    while part := list(islice(rest, RECORDS_MAX)):
        yield part


def _write_part(folder: Path, number: int, part: Sequence[Record], schemas: Counter[str]) -> File:
    lines = b"".join(
        orjson.dumps({"schema": one.schema, "record": one.value}, option=orjson.OPT_APPEND_NEWLINE)
        for one in part
    )
    data = gzip.compress(lines, mtime=0)
    name = f"part-{number:05}.jsonl.gz"
    _put(folder / name, data)
    schemas.update(one.schema for one in part)
    return File(name=name, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), records=len(part))


def _put(path: Path, data: bytes) -> None:
    """Write the whole file under its name, or none, also after a power failure."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync_folders(folder: Path, root: Path) -> None:
    """Sync the folders too, so that the file names are on the disk."""
    for one in (folder, *folder.parents):
        handle = os.open(one, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if one == root:
            return


def _manifest(path: Path) -> Manifest:
    try:
        found = Manifest.model_validate_json(_bytes(path))
    except ValidationError:
        raise Poison("archive_damaged", f"{path.name} is not a valid manifest") from None
    if found.format != FORMAT:
        raise Poison("archive_damaged", f"{path.name} has another format than {FORMAT}")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Poison("archive_damaged", f"{path.name} cannot be read ({type(error).__name__})") from None


def _records(name: str, data: bytes) -> Iterator[Record]:
    try:
        for line in gzip.decompress(data).splitlines():
            found = orjson.loads(line)
            yield Record(found["schema"], found["record"])
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        raise Poison("archive_damaged", f"{name} cannot be decompressed") from None
