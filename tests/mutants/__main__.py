"""``make test-mutants``: plants each known mistake by itself and sees who catches it.

Exit codes: 0 all were caught, 1 one survived, 2 one could not be planted, or the tests fail without any.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # in place of our own folder, whose names would hide those of the standard library

from clawback_testing.servers import kafka_server, postgres_server, valkey_server  # noqa: E402 - the path comes first
from tests.mutants.catalogue import MUTANTS  # noqa: E402 - likewise
from tests.mutants.mutant import Mutant  # noqa: E402 - likewise

CAUGHT, SURVIVED, BROKEN = 1, 0, 2
RUN_S_MAX = 180
SOUND_S_MAX = 1_200
LANES = 2
"""They wait more than they work."""
_FAILED = re.compile(r"^FAILED \S+::(\w+)", re.MULTILINE)
"""A test that could not even begin has caught nothing."""


def main(wanted: Sequence[str]) -> int:
    """Runs all mutants, or those whose names contain one of these words."""
    chosen = [one for one in MUTANTS if not wanted or any(word in one.name for word in wanted)]
    started = time.monotonic()
    with ThreadPoolExecutor(LANES) as pool:
        outcomes = [one for lane in pool.map(_lane, (chosen[n::LANES] for n in range(LANES))) for one in lane]
    survivors = outcomes.count(SURVIVED)
    sys.stdout.write(
        f"{len(chosen)} mutants, {outcomes.count(CAUGHT)} caught, {survivors} survived, "
        f"{outcomes.count(BROKEN)} could not be planted, {time.monotonic() - started:.0f} s\n"
    )
    return 2 if BROKEN in outcomes else 1 if survivors else 0


def _lane(mutants: Sequence[Mutant]) -> list[int]:
    """Runs mutants one after the other, on servers of their own."""
    if not mutants:
        return []
    with ExitStack() as stack:
        servers = {
            "KAFKA_BOOTSTRAP_SERVERS": stack.enter_context(kafka_server()),
            "POSTGRES_URL": stack.enter_context(postgres_server()),
            "REDIS_URL": stack.enter_context(valkey_server()),
        }
        tests = sorted({test for one in mutants for test in one.tests})
        sound, output = _run(tests, servers, None, SOUND_S_MAX)
        if sound != 0:
            sys.stdout.write(f"{output}\nthese tests must pass before anything is planted\n")
            return [BROKEN]
        return [_report(one, servers) for one in mutants]


def _report(mutant: Mutant, servers: Mapping[str, str]) -> int:
    """Prints the mutant and who caught it."""
    code, output = _run(mutant.tests, servers, mutant.name, RUN_S_MAX)
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


def _run(
    tests: Sequence[str], servers: Mapping[str, str], mutant: str | None, s_max: float
) -> tuple[int, str]:
    """Pytest's exit code and output."""
    environment = {**os.environ, **servers}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each run would compile all that it imports
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
        timeout=s_max,
    )
    return ended.returncode, ended.stdout + ended.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
