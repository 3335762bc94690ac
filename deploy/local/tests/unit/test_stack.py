"""A real supervisor with the lightest of the real parts: the mail sink."""

import json
import signal
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from redis import Redis

from clawback_local import Stack, StackError
from clawback_local.__main__ import main
from clawback_local.config import LOOPBACK
from clawback_local.processes import started

LIGHT = ("mail",)


def gone(pid: int, within_s: float = 10) -> bool:
    end = time.monotonic() + within_s
    while started(pid) is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def test_mail_is_kept_as_a_file() -> None:
    with Stack(parts=LIGHT) as stack:
        host, port = stack.address("mail").split(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.sendmail("a@example.org", ["b@example.org"], "Subject: overdue\r\n\r\nplease look")
        (mail,) = Path(stack.env["MAIL"]).glob("*.eml")
        assert "X-Envelope-To: b@example.org" in mail.read_text()
        assert "please look" in mail.read_text()


def test_an_sms_is_kept_as_a_file() -> None:
    with Stack(parts=("sms",)) as stack:
        address = stack.env["SMS_URL"]
        sent = {"to": "+15550100", "text": "überfällig", "id": "7"}
        assert posted(address, json.dumps(sent).encode(), {"Idempotency-Key": "7"}) == 200
        assert posted(address, b"no json \xff", {}) == 200
        assert posted(address, b"x" * 200_000, {}) == 413
        first, second = sorted(Path(stack.env["SMS"]).iterdir())
        assert json.loads(first.read_text()) == {"path": "/messages", "idempotency_key": "7", "body": sent}
        assert json.loads(second.read_text())["body"] == "no json \ufffd"


def posted(address: str, body: bytes, headers: dict[str, str]) -> int:
    """Sends a POST; returns its status."""
    request = urllib.request.Request(address, body, headers)  # noqa: S310 - the stack's own address
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_valkey_answers_on_loopback_and_is_empty_after_a_wipe() -> None:
    with Stack(parts=("valkey",)) as stack:
        url = stack.env["REDIS_URL"]
        with Redis.from_url(url) as client:
            client.set("a", "1")
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("bind") == {"bind": LOOPBACK}
        command(stack.run_dir, "wipe", "valkey")
        with Redis.from_url(url) as client:
            assert client.get("a") is None
        assert not list(stack.run_dir.rglob("*.rdb"))


def test_a_given_valkey_is_used_and_none_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack(parts=("valkey",)) as host:
        monkeypatch.setenv("REDIS_URL", host.env["REDIS_URL"])
        with Stack(tmp_path, parts=("valkey",)) as guest:
            assert [row["state"] for row in guest.status()] == ["done"]
            assert guest.env["REDIS_URL"] == host.env["REDIS_URL"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "redis:///0"])
def test_an_invalid_valkey_address_is_reported(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("REDIS_URL", address)
    with pytest.raises(StackError, match="REDIS_URL must be"):
        Stack(parts=("valkey",)).up()


def test_nothing_is_left_after_the_block() -> None:
    with Stack(parts=LIGHT) as stack:
        pid = stack.pid("mail")
    assert gone(pid, 0)
    assert not stack.run_dir.exists()


def test_two_stacks_run_side_by_side() -> None:
    with Stack(parts=LIGHT) as one, Stack(parts=LIGHT) as two:
        assert one.address("mail") != two.address("mail")


def test_a_run_folder_may_have_a_very_long_name(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    with Stack(deep, parts=LIGHT) as stack:
        assert stack.status()[0]["state"] == "ready"


def test_progress_is_reported_as_it_happens() -> None:
    seen: list[tuple[str, str]] = []
    with Stack(parts=LIGHT, progress=lambda event: seen.append((event["part"], event["state"]))):
        pass
    assert seen[-1] == ("mail", "ready")


def test_a_killed_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    stack = Stack(tmp_path, parts=LIGHT)
    stack.up()
    try:
        pid = stack.pid("mail")
        assert stack._supervisor is not None
        stack._supervisor.kill()
        assert gone(pid)
    finally:
        stack.down()


def test_a_stack_ends_with_the_process_that_created_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from clawback_local import Stack; s = Stack(sys.argv[1], parts=('mail',)); s.up(); "
        "print(s.pid('mail'), flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as owner:  # noqa: S603 - our own arguments
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
        assert gone(pid)


def test_the_next_start_stops_leftover_processes(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stray:
        (tmp_path / "pids/mail").write_text(f'{{"pid": {stray.pid}, "started": "{started(stray.pid)}"}}')
        with Stack(tmp_path, parts=LIGHT):
            assert stray.wait(5) == -signal.SIGKILL


def test_a_reused_pid_is_not_stopped(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        (tmp_path / "pids/mail").write_text(f'{{"pid": {stranger.pid}, "started": "1"}}')
        with Stack(tmp_path, parts=LIGHT):
            assert stranger.poll() is None
        stranger.kill()


def test_a_second_stack_in_the_same_folder_is_rejected(tmp_path: Path) -> None:
    with Stack(tmp_path, parts=LIGHT), pytest.raises(StackError, match="another supervisor is running"):
        Stack(tmp_path, parts=LIGHT).up()


def test_a_part_that_cannot_start_is_reported_and_nothing_is_left(tmp_path: Path) -> None:
    env = {"*": {"PYTHONPATH": str(tmp_path)}}
    (tmp_path / "aiosmtpd.py").write_text("raise SystemExit(2)")
    stack = Stack(tmp_path / "run", parts=LIGHT, env=env)
    with pytest.raises(StackError, match="mail failed: ended with exit code 2"):
        stack.up()
    with pytest.raises(StackError, match="no stack is running"):
        stack.status()


def command(run: Path, *words: str) -> str:
    """Runs a command of the stack that must succeed; returns its output."""
    argv = [sys.executable, "-m", "clawback_local", "--run-dir", str(run), *words]
    done = subprocess.run(  # noqa: S603 - our own arguments
        argv, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_line_starts_shows_and_stops_a_stack(tmp_path: Path) -> None:
    run = tmp_path / "run"
    try:
        assert "all ready" in command(run, "up", "--only", "mail")
        assert "all ready" in command(run, "up", "--only", "mail,keys")
        command(run, "kill", "mail")
        command(run, "start", "mail")
        command(run, "stop", "mail")
        assert "stopped" in command(run, "status")
        command(run, "start", "mail")
        table = command(run, "status")
        assert "keys" in table
        assert LOOPBACK in table
        assert "killed on request" in command(run, "logs", "supervisor")
    finally:
        assert command(run, "down") == "stopped\n"
    command(run, "reset")
    assert not run.exists()


def test_a_request_to_a_stopped_stack_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--run-dir", str(tmp_path), "status"]) == 1
    assert "no stack is running in" in capsys.readouterr().err
