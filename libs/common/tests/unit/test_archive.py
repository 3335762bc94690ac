"""Archives: written records are read back, and damage is reported."""

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from clawback_common.errors import Poison, Stop, Transient
from clawback_common.retention import archive
from clawback_common.retention.archive import MANIFEST, ArchiveStore, Record
from clawback_common.retention.objects import Objects

AT = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "records/one/00001"
RECORDS = [Record("notice" if n % 2 else "order", {"n": n}) for n in range(7)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a folder, 100 %"


@pytest.fixture
def store(folder: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveStore:
    """Archives in the folder, with at most three records per file."""
    monkeypatch.setattr(archive, "RECORDS_MAX", 3)
    return ArchiveStore(folder.as_uri())


def test_written_records_are_read_back_in_order(store: ArchiveStore, folder: Path) -> None:
    written = store.write(NAME, RECORDS, AT)
    assert written.records == 7
    assert list(store.read(written.path)) == RECORDS
    assert sorted(one.name for one in (folder / NAME).iterdir()) == [
        MANIFEST,
        *(f"part-0000{n}.jsonl.gz" for n in (1, 2, 3)),
    ]
    assert store.verify(written.path).schemas == {"notice": 3, "order": 4}
    assert store.manifests() == [written.path]


def test_other_things_in_the_folder_hide_no_archive(store: ArchiveStore, folder: Path) -> None:
    written = store.write(NAME, RECORDS, AT)
    (folder / "lost+found").mkdir(mode=0)
    (folder / os.fsdecode(b"\xff")).touch()
    (folder / "records/two/not-a-manifest.json").mkdir(parents=True)
    assert store.manifests() == [written.path]


def test_an_incomplete_archive_is_replaced(store: ArchiveStore) -> None:
    store.write(NAME, [Record("order", {"n": "old"})] * 9, AT)
    written = store.write(NAME, RECORDS, AT)
    assert list(store.read(written.path)) == RECORDS


def test_each_file_and_the_folders_that_name_it_are_synced_before_the_archive_counts(
    store: ArchiveStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync = os.fsync

    def noting(handle: int) -> None:
        sync(handle)
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))

    monkeypatch.setattr(os, "fsync", noting)
    store.write(NAME, RECORDS, AT)
    assert set(synced) == {str(path) for path in (folder, *folder.rglob("*"))}


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def _replace(file: Path) -> None:
    file.write_bytes(gzip.compress(b'{"schema": "order", "record": {"n": 1}}\n'))


def _remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [_truncate, _replace, _remove])
def test_a_changed_file_is_named(store: ArchiveStore, folder: Path, damage: Callable[[Path], None]) -> None:
    written = store.write(NAME, RECORDS, AT)
    damage(folder / NAME / "part-00002.jsonl.gz")
    with pytest.raises(Poison, match=r"part-00002\.jsonl\.gz"):
        store.verify(written.path)


def test_a_manifest_with_other_hashes_is_refused(store: ArchiveStore, folder: Path) -> None:
    written = store.write(NAME, RECORDS, AT)
    manifest = folder / written.path
    changed = orjson.loads(manifest.read_bytes())
    changed["records"] += 1
    manifest.write_bytes(orjson.dumps(changed))
    with pytest.raises(Poison, match="records"):
        store.verify(written.path)
    manifest.write_bytes(b"{}")
    with pytest.raises(Poison, match="not a valid manifest"):
        store.verify(written.path)


def test_an_archive_counts_only_after_it_was_read_back_and_compared(
    store: ArchiveStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stores other data than was written."""
    put = Objects.put

    def lying(self: Objects, path: str, data: bytes) -> None:
        put(self, path, data if path.endswith(MANIFEST) else data[:-1])

    monkeypatch.setattr(Objects, "put", lying)
    with pytest.raises(Poison, match="archive_damaged"):
        store.write(NAME, RECORDS, AT)


@pytest.mark.parametrize("below", ["", "/below"])
def test_a_folder_that_cannot_be_written_is_retried(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Transient, match="cannot be opened"):
        ArchiveStore(f"{tmp_path.as_uri()}/file{below}").write(NAME, RECORDS, AT)


@pytest.mark.parametrize(
    "url",
    [
        *("", "var/archive", "/var/archive", "file://host/x", "file:x", "https://x/y", "az://account/x"),
        *("s3://", "s3:///x", "s3://bucket:80/x", "s3://user:secret@bucket/x", "s3://secret@bucket/x"),
        *(
            "s3://bucket/x?secret=1",
            "s3://bucket/x#secret",
            "s3://bucket/a//b",
            "gs://bucket/../b",
            "s3://[/x",
        ),
    ],
)
def test_an_address_that_is_neither_a_folder_nor_a_bucket_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Stop, match=r"ARCHIVE_URL.* file:///.* s3://") as refused:
        ArchiveStore(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["file:///", "file:///a%20b/", "file://localhost/x", "s3://bucket", "s3://my.bucket/", "gs://b_1/x/y"],
)
def test_a_folder_or_a_bucket_with_or_without_a_prefix_is_accepted(url: str) -> None:
    ArchiveStore(url)
