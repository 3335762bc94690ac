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
OUTPUT_S_MAX = 120.0
INTERRUPTED = 130


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("is ready", signal.SIGTERM),
        ("compliance run: 0 of", signal.SIGINT),
    ],
)
def test_stopping_the_demo_leaves_nothing_running(tmp_path: Path, text: str, number: signal.Signals) -> None:
    run = tmp_path / "run"
    own = {k: v for k, v in os.environ.items() if k not in OWN_SERVERS}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell sets it for background processes
    demo = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-u", "-m", "clawback_story", "--small", "--seed", "5", "--run-dir", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=own,
    )
    signal.signal(signal.SIGINT, before)
    try:
        output = _read_until(demo, text)
        os.killpg(demo.pid, number)
        rest, _ = demo.communicate(timeout=END_S)
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == INTERRUPTED, (output + rest).decode()[-2000:]
    assert _left(run) == []


def _read_until(demo: "subprocess.Popen[bytes]", text: str) -> bytes:
    assert demo.stdout is not None
    output, end = b"", time.monotonic() + OUTPUT_S_MAX
    while text.encode() not in output:
        ready, _, _ = select.select([demo.stdout], [], [], max(0.0, end - time.monotonic()))
        piece = os.read(demo.stdout.fileno(), 65536) if ready else b""
        assert piece, f"never printed {text!r}: {output.decode()[-2000:]}"
        output += piece
    return output


def _left(run: Path) -> list[str]:
    """Returns the processes whose command line or environment contains this run folder."""
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
