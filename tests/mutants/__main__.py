"""``make test-mutants``: plants each known mistake by itself and sees who catches it.

Exit codes: 0 all were caught, 1 one survived, 2 one could not be planted, or the tests fail without any.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # in place of our own folder, whose names would hide those of the standard library

from clawback_testing.servers import kafka_server, postgres_server, valkey_server  # noqa: E402 - the path comes first
from tests.mutants.catalogue import MUTANTS  # noqa: E402 - likewise
from tests.mutants.mutant import Mutant  # noqa: E402 - likewise

CAUGHT, SURVIVED, BROKEN = 1, 0, 2
RUN_S_MAX = 180
_FAILED = re.compile(r"^FAILED \S+::(\w+)", re.MULTILINE)
"""A test that could not even begin has caught nothing."""


def main(wanted: Sequence[str]) -> int:
    """Runs all mutants, or those whose names contain one of these words."""
    chosen = [one for one in MUTANTS if not wanted or any(word in one.name for word in wanted)]
    started = time.monotonic()
    with ExitStack() as stack:
        os.environ["KAFKA_BOOTSTRAP_SERVERS"] = stack.enter_context(kafka_server())
        os.environ["POSTGRES_URL"] = stack.enter_context(postgres_server())
        os.environ["REDIS_URL"] = stack.enter_context(valkey_server())
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each run would compile all that it imports
        sound, output = _run(sorted({test for one in chosen for test in one.tests}), None)
        if sound != 0:
            sys.stdout.write(f"{output}\nthese tests must pass before anything is planted\n")
            return BROKEN
        outcomes = [_report(one) for one in chosen]
    survivors = outcomes.count(SURVIVED)
    sys.stdout.write(
        f"{len(chosen)} mutants, {outcomes.count(CAUGHT)} caught, {survivors} survived, "
        f"{outcomes.count(BROKEN)} could not be planted, {time.monotonic() - started:.0f} s\n"
    )
    return 2 if BROKEN in outcomes else 1 if survivors else 0


def _report(mutant: Mutant) -> int:
    """Prints the mutant and who caught it."""
    code, output = _run(mutant.tests, mutant.name)
    caught_by = sorted(set(_FAILED.findall(output)))
    match code, caught_by:
        case 0, _:
            outcome, words = SURVIVED, "SURVIVED"
        case 1, [_, *_]:
            outcome, words = CAUGHT, "caught by " + ", ".join(caught_by)
        case _:
            outcome, words = BROKEN, f"COULD NOT BE PLANTED\n{output[-2_000:]}"
    sys.stdout.write(f"{mutant.name:42} {words}\n")
    sys.stdout.flush()
    return outcome


def _run(tests: Sequence[str], mutant: str | None) -> tuple[int, str]:
    """Pytest's exit code and output."""
    environment = dict(os.environ)
    if mutant is not None:
        environment["CLAWBACK_MUTANT"] = mutant
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--tb=no",
        "-p",
        "tests.mutants.planting",
        "-p",
        "no:schemathesis",  # a second of imports
        "-o",
        "timeout=60",
    ]
    ended = subprocess.run(  # noqa: S603 - arguments are ours
        [*command, "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_S_MAX * (1 if mutant else 3),
    )
    return ended.returncode, ended.stdout + ended.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
