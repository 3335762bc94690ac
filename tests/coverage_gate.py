"""The coverage that `make coverage` asks for, branches and subprocesses included.

What decides about revocations is asked for more than what prints a table.
"""

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / ".run/coverage/report.json"

GATES: dict[str, tuple[float, tuple[str, ...]]] = {
    "overall": (80, ("*",)),
    "guard, flow, inbox, outbox": (
        90,
        (
            "services/*/use_cases/*.py",
            "services/*/domain/*.py",
            "libs/common/*/messaging/inbox.py",
            "libs/common/*/messaging/outbox/*.py",
        ),
    ),
    "ingester": (85, ("services/ingester/*",)),
    "compliance": (85, ("services/compliance/*",)),
    "analytics": (85, ("services/analytics/*",)),
    "alerting": (85, ("services/alerting/*",)),
    "retention": (85, ("services/retention/*",)),
    "contracts": (95, ("contracts/*",)),
}
"""Per cent, and the files meant. A `*` also stands for folders."""

Counts = dict[str, int]


def share(files: dict[str, Counts], patterns: tuple[str, ...]) -> float:
    """Per cent of lines and branches that ran; a pattern without files is a mistake in the gate."""
    meant = [counts for name, counts in files.items() if any(fnmatch(name, pattern) for pattern in patterns)]
    there = sum(counts["num_statements"] + counts["num_branches"] for counts in meant)
    ran = sum(counts["covered_lines"] + counts["covered_branches"] for counts in meant)
    return 100 * ran / there if there else 0.0


def measured() -> dict[str, Counts]:
    """Counts by file, of all processes that ran since the last `coverage erase`."""
    for command in (["combine", "--quiet"], ["json", "--quiet", "-o", str(REPORT)]):
        subprocess.run(  # noqa: S603 - arguments are ours
            [sys.executable, "-m", "coverage", *command], check=True, cwd=ROOT
        )
    files = json.loads(REPORT.read_text())["files"]
    return {name: data["summary"] for name, data in files.items()}


def main() -> int:
    """1 when a gate is missed."""
    files = measured()
    missed = 0
    for name, (least, patterns) in GATES.items():
        reached = share(files, patterns)
        missed += reached < least
        print(
            f"  {name:<28} {reached:5.1f} %  (at least {least:g} %)  {'' if reached >= least else 'MISSED'}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
