"""Settings of the user's environment: applied, or rejected by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clawback_local import Stack, StackError
from clawback_local.__main__ import main
from clawback_local.config import ROOT, Paths
from clawback_local.parts import READ_AT_START, changed_settings, refuse_another_provider, resolve


def paths(folder: Path) -> Paths:
    made = Paths(folder)
    made.create()
    return made


def test_a_folder_is_one_provider_s(tmp_path: Path) -> None:
    folder = paths(tmp_path)
    refuse_another_provider(folder, {})
    refuse_another_provider(folder, {"METABASE_URL": ""})
    with pytest.raises(
        StackError, match=r"cursors of the simulator, not of https://news\.example:8443:.*reset"
    ):
        refuse_another_provider(folder, {"METABASE_URL": "https://user:word@news.example:8443/api"})
    refuse_another_provider(folder, {})


def test_an_address_of_the_same_provider_is_the_same(tmp_path: Path) -> None:
    folder = paths(tmp_path)
    refuse_another_provider(folder, {"METABASE_URL": "https://one:word@news.example/api"})
    refuse_another_provider(folder, {"METABASE_URL": "https://news.example/api/v2"})
    assert "word" not in (tmp_path / "provider").read_text()


def test_an_empty_key_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="METABASE_API_KEY is empty"):
        refuse_another_provider(paths(tmp_path), {"METABASE_API_KEY": ""})


def test_only_what_a_stack_reads_and_has_otherwise_differs() -> None:
    users, own = {"METABASE_LIMIT": "50"}, {"REDIS_URL": "redis://127.0.0.1:6380/0"}
    same = {"METABASE_LIMIT": "50", "REDIS_URL": "redis://127.0.0.1:6380/0", "HOME": "/elsewhere"}
    assert changed_settings(same, users, own) == []
    changed = changed_settings(same | {"METABASE_LIMIT": "60", "FEEDS": "/mine"}, users, own)
    assert changed == ["FEEDS", "METABASE_LIMIT"]


def test_a_variable_that_is_unset_now_differs() -> None:
    own = {"FEEDS": "/the/stack's"}
    assert changed_settings({}, {"METABASE_LIMIT": "50"}, own) == ["METABASE_LIMIT"]
    assert changed_settings({}, {}, own) == []


def test_feeds_of_the_user_are_those_of_the_stack(tmp_path: Path) -> None:
    folder = paths(tmp_path)
    assert resolve(folder, {}, {"FEEDS": "/mine.yaml"}).values["feeds"] == "/mine.yaml"
    assert resolve(folder, {}, {}).values["feeds"] == str(folder.feeds)


def test_settings_that_differ_from_the_running_stack_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--run-dir", str(tmp_path / "run"), "up", "--only", "mail"]
    with Stack(tmp_path / "run", parts=("mail",)):
        assert main(command) == 0
        monkeypatch.setenv("METABASE_LIMIT", "7")
        assert main(command) == 1
    assert "other settings: METABASE_LIMIT. Run 'make down' first" in capsys.readouterr().err


def test_a_setting_of_the_running_stack_that_is_unset_now_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("METABASE_LIMIT", "7")
    with Stack(tmp_path / "run", parts=("mail",)):
        monkeypatch.delenv("METABASE_LIMIT")
        assert main(["--run-dir", str(tmp_path / "run"), "up", "--only", "mail"]) == 1
    assert "other settings: METABASE_LIMIT. Run 'make down' first" in capsys.readouterr().err


def test_a_job_has_the_settings_of_the_worker(tmp_path: Path) -> None:
    env = {"retention-worker": {"HTTP_PORT": "not a port"}}
    with Stack(tmp_path / "run", parts=("mail",), env=env):
        job = [sys.executable, "-m", "clawback_local", "--run-dir", str(tmp_path / "run"), "run"]
        done = subprocess.run(  # noqa: S603 - our own program
            [*job, "retention", "sweep"], capture_output=True, text=True, check=False, env=os.environ
        )
    assert done.returncode == 1
    assert "retention-worker is not a part of this stack. Its parts: mail" in done.stderr


def test_every_variable_that_a_stack_reads_at_its_start_is_documented() -> None:
    text = (ROOT / "deploy" / "local" / "README.md").read_text(encoding="utf-8")
    assert [name for name in READ_AT_START if f"`{name}`" not in text] == []
