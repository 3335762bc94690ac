"""Ctrl-C at several moments of the demo, as a process: nothing may be left running."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clawback_story.world import OWN_SERVERS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

END_S = 60.0
SAID_S = 120.0
INTERRUPTED = 130


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("is ready", signal.SIGTERM),
        ("compliance run: 0 of", signal.SIGINT),
    ],
)
def test_stopping_the_demo_leaves_nothing_running(tmp_path: Path, said: str, number: signal.Signals) -> None:
    run = tmp_path / "run"
    own = {k: v for k, v in os.environ.items() if k not in OWN_SERVERS}
    before = signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # as a shell has it for what it starts in the background
    demo = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-u", "-m", "clawback_story", "--small", "--seed", "5", "--run-dir", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=own,
    )
    signal.signal(signal.SIGINT, before)
    try:
        told = _until_said(demo, said)
        os.killpg(demo.pid, number)
        rest, _ = demo.communicate(timeout=END_S)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == INTERRUPTED, (told + rest).decode()[-2000:]
    assert _left(run) == []


def _until_said(demo: "subprocess.Popen[bytes]", said: str) -> bytes:
    assert demo.stdout is not None
    told, end = b"", time.monotonic() + SAID_S
    while said.encode() not in told:
        ready, _, _ = select.select([demo.stdout], [], [], max(0.0, end - time.monotonic()))
        piece = os.read(demo.stdout.fileno(), 65536) if ready else b""
        assert piece, f"never said {said!r}: {told.decode()[-2000:]}"
        told += piece
    return told


def _left(run: Path) -> list[str]:
    """Processes whose command line or working environment speaks of this run folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(run).encode() in command + environment:
            found.append(command.replace(b"\0", b" ").decode())
    return found
