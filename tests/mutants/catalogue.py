"""The known mistakes, each as a change of the source and the tests that must catch it.

They are beside the code that they change, in ``tests/mutants`` of each service and package. A change that no longer
fits the source is an error of its catalogue: change it together with the code that it names.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.mutants.mutant import Mutant

ROOT = Path(__file__).parents[2]
OWNERS = ("services/*", "libs/*", "contracts", "deploy/*")


def _found() -> Iterator[Mutant]:
    for file in sorted(file for owner in OWNERS for file in ROOT.glob(f"{owner}/tests/mutants/*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        yield from importlib.import_module(module).MUTANTS


MUTANTS = tuple(_found())
