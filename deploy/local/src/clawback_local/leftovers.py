"""Stops what a killed supervisor left running. Usually nothing: the kernel stops its children with it."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from clawback_local.errors import StackError
from clawback_local.places import Places
from clawback_local.runner import started

DEADLINE_S = 10.0


def clean_up(places: Places) -> list[str]:
    """Stops every recorded process that is still running. Returns their names."""
    ended = [note.name for note in sorted(places.pids.iterdir()) if _end(note)]
    for note in places.pids.iterdir():
        note.unlink()
    return ended


def _end(note: Path) -> bool:
    try:
        known = json.loads(note.read_text())
        pid, start = int(known["pid"]), str(known["started"])
    except (ValueError, KeyError):
        return False
    if started(pid) != start:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + DEADLINE_S
    while started(pid) == start:
        if time.monotonic() > end:
            raise StackError(f"{note.name} (pid {pid}) of an earlier run does not stop")
        time.sleep(0.02)
    return True
