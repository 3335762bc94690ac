"""Archives: written records are read back, and damage is reported."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from clawback_common.errors import Poison, Stop, Transient
from clawback_common.retention import archive
from clawback_common.retention.archive import MANIFEST, ArchiveFolder, Record, read, verify

AT = datetime(2026, 3, 1, tzinfo=UTC)
NAME = "records/one/00001"
RECORDS = [Record("notice" if n % 2 else "order", {"n": n}) for n in range(7)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveFolder:
    """An archive folder with at most three records per file."""
    monkeypatch.setattr(archive, "RECORDS_MAX", 3)
    return ArchiveFolder.at(tmp_path.as_uri())


def test_written_records_are_read_back_in_order(folder: ArchiveFolder) -> None:
    written = folder.write(NAME, RECORDS, AT)
    manifest = folder.root / written.path
    assert written.records == 7
    assert list(read(manifest)) == RECORDS
    assert sorted(one.name for one in manifest.parent.iterdir()) == [
        MANIFEST,
        *(f"part-0000{n}.jsonl.gz" for n in (1, 2, 3)),
    ]
    assert verify(manifest).schemas == {"notice": 3, "order": 4}


def test_an_incomplete_archive_is_replaced(folder: ArchiveFolder) -> None:
    folder.write(NAME, [Record("order", {"n": "old"})] * 9, AT)
    written = folder.write(NAME, RECORDS, AT)
    assert list(read(folder.root / written.path)) == RECORDS


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-3])


def _replace(file: Path) -> None:
    file.write_bytes(gzip.compress(b'{"schema": "order", "record": {"n": 1}}\n'))


def _remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [_truncate, _replace, _remove])
def test_a_changed_file_is_named(folder: ArchiveFolder, damage: object) -> None:
    written = folder.write(NAME, RECORDS, AT)
    manifest = folder.root / written.path
    damage(manifest.parent / "part-00002.jsonl.gz")  # type: ignore[operator]
    with pytest.raises(Poison, match=r"part-00002\.jsonl\.gz"):
        verify(manifest)


def test_a_manifest_with_other_hashes_is_refused(folder: ArchiveFolder) -> None:
    written = folder.write(NAME, RECORDS, AT)
    manifest = folder.root / written.path
    changed = orjson.loads(manifest.read_bytes())
    changed["records"] += 1
    manifest.write_bytes(orjson.dumps(changed))
    with pytest.raises(Poison, match="records"):
        verify(manifest)
    manifest.write_bytes(b"{}")
    with pytest.raises(Poison, match="not a valid manifest"):
        verify(manifest)


def test_an_archive_counts_only_after_it_was_read_back_and_compared(
    folder: ArchiveFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that stores other data than was written."""
    put = archive._put

    def corrupting(path: Path, data: bytes) -> None:
        put(path, data if path.name == MANIFEST else data[:-1])

    monkeypatch.setattr(archive, "_put", corrupting)
    with pytest.raises(Poison, match="archive_damaged"):
        folder.write(NAME, RECORDS, AT)


def test_a_folder_that_cannot_be_written_is_retried(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Transient, match="cannot be written"):
        ArchiveFolder(tmp_path / "file").write(NAME, RECORDS, AT)


@pytest.mark.parametrize("url", ["s3://bucket/x", "file://host/x", "var/archive", "", "https://x/y"])
def test_an_address_that_is_not_a_folder_is_refused(url: str) -> None:
    with pytest.raises(Stop, match=r"ARCHIVE_URL .* file:///"):
        ArchiveFolder.at(url)
