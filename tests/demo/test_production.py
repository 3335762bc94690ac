"""The demo in production mode: every process with ENVIRONMENT=production, TLS and keys on every connection."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clawback_story.demo import KEPT
from clawback_story.world import OWN_SERVERS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(800)]


def test_every_promise_is_kept_in_production_mode(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if name not in OWN_SERVERS}
    options = ["--small", "--production", "--seed", "11", "--run-dir", str(tmp_path / "run")]
    demo = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-u", "-m", "clawback_story", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=own,
    )
    assert demo.returncode == KEPT, demo.stdout[-8000:]
