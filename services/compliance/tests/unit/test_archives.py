"""The command for archives, which needs no server."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from clawback_common.retention.archive import ArchiveFolder, Record
from clawback_common.service.cli import main
from compliance.service import SERVICE

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two archives."""
    archives = ArchiveFolder(tmp_path)
    for number in (1, 2):
        archives.write(f"records/sweep/{number:05}", [Record("notice", {"n": number})], AT)
    return tmp_path


def test_an_unchanged_archive_is_printed_with_its_counts(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(SERVICE, ["archive", "verify", str(folder)]) == 0
    assert "2 archives are unchanged" in capsys.readouterr().out


def test_records_are_printed_one_per_line_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SERVICE, ["archive", "read", str(folder)]) == 0
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"schema": "notice", "record": {"n": n}} for n in (1, 2)]


def test_one_archive_can_be_read_by_its_manifest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SERVICE, ["archive", "read", str(folder / "records/sweep/00002/manifest.json")]) == 0
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.parametrize("action", ["verify", "read"])
def test_a_damaged_archive_ends_with_3_and_names_the_file(
    folder: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    part = folder / "records/sweep/00002/part-00001.jsonl.gz"
    part.write_bytes(part.read_bytes()[:-1])
    assert main(SERVICE, ["archive", action, str(folder)]) == 3
    assert "part-00001.jsonl.gz" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["verify", "read"])
def test_a_folder_without_archives_is_an_error(
    tmp_path: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(SERVICE, ["archive", action, str(tmp_path)]) == 3
    assert "no archive" in capsys.readouterr().err


def test_an_archive_url_that_is_not_a_folder_is_rejected_at_start_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHIVE_URL", "s3://bucket")
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, ["health"])
    assert ended.value.code == 2
    assert "ARCHIVE_URL" in capsys.readouterr().err
