"""Processes that end with the one that started them."""

import subprocess
import sys
from pathlib import Path

from clawback_local.processes import started, tied


def test_a_process_whose_parent_has_ended_already_does_not_start(tmp_path: Path) -> None:
    touch = tied("touch", str(tmp_path / "begun"))
    subprocess.run(touch, check=True)  # noqa: S603 - our own arguments
    assert (tmp_path / "begun").exists()
    (tmp_path / "begun").unlink()
    other_parent = ["sh", "-c", '"$@"; exit 0', "sh", *touch]
    subprocess.run(other_parent, check=True)  # noqa: S603 - our own arguments
    assert not (tmp_path / "begun").exists()


def test_a_process_gets_its_signal_when_its_parent_ends() -> None:
    code = (
        "import subprocess, sys; from clawback_local.processes import tied; "
        "child = subprocess.Popen(tied('sleep', '60', death_signal='TERM')); "
        "print(child.pid, flush=True); sys.stdin.read()"
    )
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own arguments
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    for _ in range(200):
        if started(pid) is None:
            break
        subprocess.run(["sleep", "0.05"], check=True)  # noqa: S607 - found by the path
    assert started(pid) is None
