"""Archives: compressed files of JSON lines in a folder or a bucket, with a manifest that has the hash of each file.

A record counts as archived only after it was read back from the store and compared.
"""

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clawback_common.errors import Poison, Stop
from clawback_contracts.sweep.v1 import Archive

if TYPE_CHECKING:
    from clawback_common.retention.objects import Objects

FORMAT = "clawback-archive/1"
MANIFEST = "manifest.json"
RECORDS_MAX = 10_000
"""Per file: some megabytes, so that a damaged file loses few records."""
URL = re.compile(
    r"(?:file://(?:localhost)?(?=/)|(?:s3|gs)://[a-z0-9][a-z0-9._-]+)(?:/(?!\.{1,2}(?:/|$))[^/?#\s]+)*/?"
)


class Record(NamedTuple):
    """One archived record: the name of its schema, and its content."""

    schema: str
    value: Mapping[str, Any]


class File(BaseModel):
    """One file, as listed in the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")
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


def checked_url(url: str) -> str:
    """Return the URL of a store of archives.

    Raises:
        Stop: it is not ``file:///folder``, ``s3://bucket/prefix`` or ``gs://bucket/prefix``.
    """
    if URL.fullmatch(url) is None:
        raise Stop(
            "the address of archives (ARCHIVE_URL) must be file:///folder (an absolute path), s3://bucket/prefix or "
            "gs://bucket/prefix, without a user, a port, '?', '//' or '..'; credentials and endpoints have the "
            "variables of the cloud's own tools, such as AWS_ACCESS_KEY_ID and GOOGLE_APPLICATION_CREDENTIALS"
        )
    return url


class ArchiveStore:
    """The archives of a service: a folder, or a prefix in a bucket. Its methods block: call them in a thread."""

    def __init__(self, url: str, *, tls_only: bool = False) -> None:
        """Check the URL; nothing is opened before the first use.

        Args:
            url: see `checked_url`.
            tls_only: refuse endpoints without TLS.
        """
        self._url = checked_url(url)
        self._tls_only = tls_only

    @cached_property
    def _objects(self) -> "Objects":
        from clawback_common.retention.objects import Objects  # noqa: PLC0415 - only what archives pays for it

        return Objects(self._url, tls_only=self._tls_only)

    def write(self, name: str, records: Iterable[Record], written_at: datetime) -> Archive:
        """Write an archive and read it back; replace an incomplete one of that name.

        Args:
            name: a path below the URL, ``<class>/<sweep>/<number>``.
            records: in the order in which they are to be read.
            written_at: for the manifest.

        Raises:
            Transient: the store cannot be written or read.
            Poison: the data read back differs from the data written.
        """
        schemas = Counter[str]()
        files = [
            self._write_part(name, number, part, schemas)
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
        path = f"{name}/{MANIFEST}"
        text = orjson.dumps(manifest.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"
        self._objects.put(path, text)
        if self.verify(path) != manifest:
            raise Poison("archive_damaged", "the manifest read back is not the one written")
        return Archive(
            path=path,
            sha256=hashlib.sha256(text).hexdigest(),
            records=manifest.records,
            bytes=sum(file.bytes for file in files) + len(text),
        )

    def manifests(self) -> list[str]:
        """List the paths of all manifests, in order.

        Raises:
            Transient: the store cannot be read.
        """
        return self._objects.paths(MANIFEST)

    def verify(self, path: str) -> Manifest:
        """Read every file of an archive and compare it with the manifest at this path.

        Raises:
            Poison: ``archive_damaged``, with the name of the file.
            Transient: the store cannot be read.
        """
        expected = _manifest(self._objects.get(path))
        schemas = Counter[str]()
        for file, data in self._files(path, expected):
            if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
                raise Poison("archive_damaged", f"{file.name} differs from the file that was written")
            found = Counter(record.schema for record in _records(file.name, data))
            if found.total() != file.records:
                raise Poison(
                    "archive_damaged", f"{file.name} does not contain the records that the manifest lists"
                )
            schemas += found
        if dict(schemas) != expected.schemas or schemas.total() != expected.records:
            raise Poison("archive_damaged", "the files do not contain the records that the manifest lists")
        return expected

    def read(self, path: str) -> Iterator[Record]:
        """Yield every record in order, after the files were compared with the manifest at this path."""
        files = self._files(path, self.verify(path))
        return chain.from_iterable(_records(file.name, data) for file, data in files)

    def _write_part(self, name: str, number: int, part: Sequence[Record], schemas: Counter[str]) -> File:
        lines = b"".join(
            orjson.dumps({"schema": one.schema, "record": one.value}, option=orjson.OPT_APPEND_NEWLINE)
            for one in part
        )
        data = gzip.compress(lines, mtime=0)
        file = f"part-{number:05}.jsonl.gz"
        self._objects.put(f"{name}/{file}", data)
        schemas.update(one.schema for one in part)
        return File(name=file, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), records=len(part))

    def _files(self, path: str, manifest: Manifest) -> Iterator[tuple[File, bytes]]:
        beside = PurePosixPath(path).with_name
        return ((file, self._objects.get(str(beside(file.name)))) for file in manifest.files)


def _parts(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    rest = iter(records)
    while part := list(islice(rest, RECORDS_MAX)):
        yield part


def _manifest(data: bytes) -> Manifest:
    try:
        found = Manifest.model_validate_json(data)
    except ValidationError:
        raise Poison("archive_damaged", f"{MANIFEST} is not a valid manifest") from None
    if found.format != FORMAT:
        raise Poison("archive_damaged", f"{MANIFEST} has another format than {FORMAT}")
    return found


def _records(name: str, data: bytes) -> Iterator[Record]:
    try:
        for line in gzip.decompress(data).splitlines():
            found = orjson.loads(line)
            yield Record(found["schema"], found["record"])
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        raise Poison("archive_damaged", f"{name} cannot be decompressed") from None
