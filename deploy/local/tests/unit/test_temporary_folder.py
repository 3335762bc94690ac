"""A short-lived stack has its data in memory, if there is enough."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from clawback_local import Stack, stack


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder instead of the memory file system, with enough room, on a machine with enough memory."""
    monkeypatch.setattr(stack, "MEMORY", tmp_path)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(stack, "MEMINFO", tmp_path / "meminfo")
    give(monkeypatch, room=stack.ROOM, available=stack.AVAILABLE)
    return tmp_path


def on_disk(memory: Path) -> bool:
    """Whether a new folder is not in memory; deletes it."""
    made = stack.temporary_folder()
    made.rmdir()
    return made.parent != memory


def give(patch: pytest.MonkeyPatch, *, room: int, available: int) -> None:
    patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    stack.MEMINFO.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {available // 1024} kB\n")


def test_data_is_in_memory_if_there_is_enough(memory: Path) -> None:
    assert stack.temporary_folder().parent == memory


@pytest.mark.parametrize(("less_room", "less_memory"), [(1, 0), (0, 1024)])
def test_data_is_on_disk_otherwise(
    memory: Path, monkeypatch: pytest.MonkeyPatch, less_room: int, less_memory: int
) -> None:
    give(monkeypatch, room=stack.ROOM - less_room, available=stack.AVAILABLE - less_memory)
    assert on_disk(memory)


def test_tmpdir_overrides_the_folder(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp")  # noqa: S108 - a value that users set
    assert on_disk(memory)


def test_the_available_memory_is_read_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "ROOM", 1)
    monkeypatch.setattr(stack, "AVAILABLE", 1)
    assert stack.has_room()
    monkeypatch.setattr(stack, "AVAILABLE", 2**60)
    assert not stack.has_room()


def test_leftover_folders_in_memory_are_deleted_and_used_ones_are_kept(memory: Path) -> None:
    left, young, foreign = memory / "clawback-left1234", memory / "clawback-young123", memory / "other"
    for folder in (left, young, foreign):
        folder.mkdir()
    with Stack(parts=("mail",)) as running:
        for folder in (left, foreign, running.run_dir):
            os.utime(folder, (0, 0))
        with Stack(parts=("mail",)):
            assert not left.exists()
            assert young.exists()
            assert foreign.exists()
            assert running.run_dir.exists()
