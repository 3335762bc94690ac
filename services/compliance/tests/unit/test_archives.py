"""The command for archives, which needs no server."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from clawback_common.retention.archive import ArchiveStore, Record
from clawback_common.service.cli import main
from compliance.service import SERVICE

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two archives."""
    archives = ArchiveStore(tmp_path.as_uri())
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
    for path in (tmp_path, tmp_path / "misspelt", tmp_path / "misspelt/manifest.json"):
        assert main(SERVICE, ["archive", action, str(path)]) == 3
        assert "no archive" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("s3://archive/records", 1, "cannot be listed (BadScheme)"),
        ("s3://archive/manifest.json", 1, "cannot be read (BadScheme)"),
        ("s3://key:secret@archive/records", 2, "s3://bucket/prefix"),
    ],
)
def test_a_store_that_cannot_be_read_ends_with_1_and_a_wrong_address_with_2(
    path: str, code: int, expected: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "a-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("ENVIRONMENT", "production")
    assert main(SERVICE, ["archive", "verify", path]) == code
    printed = capsys.readouterr().err
    assert expected in printed
    assert "secret" not in printed


def test_only_what_archives_loads_the_library_for_it() -> None:
    code = "import sys, compliance.service; assert 'obstore' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)  # noqa: S603 - our own


def test_an_archive_url_with_credentials_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHIVE_URL", "s3://key:secret@bucket/x")
    with pytest.raises(SystemExit) as ended:
        main(SERVICE, ["health"])
    assert ended.value.code == 2
    errors = capsys.readouterr().err
    assert "ARCHIVE_URL" in errors
    assert "secret" not in errors
