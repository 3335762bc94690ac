"""``python -m contracts.generator``: writes ``schemas``, ``asyncapi.yaml`` and ``openapi`` of this checkout.

An existing schema is not overwritten by an incompatible one. ``--check`` writes nothing and fails when a file differs.
``--before-release`` overwrites incompatible schemas that were never released.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from contracts.generator import schemas
from contracts.generator.files import CONTRACTS, differences, write


def main(arguments: Sequence[str] | None = None, root: Path = CONTRACTS) -> int:
    """Run the command; return 0 on success, 1 when a file differs or a schema is incompatible."""
    parser = argparse.ArgumentParser(prog="python -m contracts.generator", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    parser.add_argument(
        "--before-release",
        action="store_true",
        help="overwrite incompatible schemas that were never released",
    )
    options = parser.parse_args(arguments)
    problems = [] if options.before_release else schemas.incompatible(root)
    if options.check:
        problems += differences(root)
    elif not problems:
        write(root)
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
