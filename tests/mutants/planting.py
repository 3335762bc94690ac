"""Plants one mutant into a pytest run, in memory: sources are changed while they are read, no file is touched.

A plugin of pytest, for this purpose alone; the name of the mutant is in ``CLAWBACK_MUTANT``.
"""

import os
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

from typing_extensions import override

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Change

ROOT = Path(__file__).resolve().parents[2]
WORDS_AND_MARKS = re.compile(r"\w+|[^\w\s]")


class DoesNotFit(Exception):
    """A mutant names a text that is not in the source exactly once."""


def fragment(old: str) -> re.Pattern[str]:
    """Finds a text whatever a formatter has done to it.

    Line breaks, spaces and commas before a closing bracket do not count, except the indentation of the first line and
    the end of the last one, which a replacement has to keep.
    """
    tokens = WORDS_AND_MARKS.findall(old)
    start, end = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
    inside = "".join(_gap(*pair) + re.escape(pair[1]) for pair in pairwise(tokens))
    return re.compile(re.escape(start + tokens[0]) + inside + re.escape(end))


def _gap(left: str, right: str) -> str:
    """What may be between two tokens: two words are never one."""
    if right in ")]}":
        return r"\s*,?\s*"
    return r"\s+" if left.isidentifier() and right.isidentifier() else r"\s*"


class Planting(MetaPathFinder):
    """Loads the changed modules; leaves every other to Python."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes: dict[str, list[Change]] = {}
        for change in changes:
            self._changes.setdefault(str(ROOT / change.file), []).append(change)

    @override
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module that is changed."""
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin not in self._changes:
            return None
        spec.loader = Changed(fullname, spec.origin, self)
        return spec

    def text(self, file: str, text: str) -> str:
        """The text of a file with its changes."""
        for change in self._changes.get(file, ()):
            pattern = fragment(change.old)
            if (count := len(pattern.findall(text))) != 1:
                raise DoesNotFit(f"{change.file} has {count} times: {change.old!r}")
            text = pattern.sub(change.new.replace("\\", r"\\"), text)
        return text


class Changed(SourceLoader):
    """Never takes or leaves bytecode: that of the file as it is would be used."""

    def __init__(self, fullname: str, file: str, planting: Planting) -> None:
        self._fullname, self._file, self._planting = fullname, file, planting

    @override
    def get_filename(self, fullname: str) -> str:
        """Where the module lies."""
        return self._file

    @override
    def get_data(self, path: str | bytes) -> bytes:
        """Its source with the changes."""
        if path != self._file:
            raise OSError("no bytecode")
        return self._planting.text(self._file, Path(self._file).read_bytes().decode()).encode()

    @override
    def path_stats(self, path: str | bytes) -> dict[str, Any]:
        """None: so nothing is cached."""
        raise OSError("not cached")


def plant(changes: Sequence[Change]) -> None:
    """From now on these sources are read with their changes, modules and texts alike."""
    planting = Planting(changes)
    for change in changes:  # fails at once if one does not fit
        file = str(ROOT / change.file)
        planting.text(file, Path(file).read_bytes().decode())
    sys.meta_path.insert(0, planting)
    read_text = Path.read_text

    def read(self: Path, *arguments: Any, **named: Any) -> str:
        return planting.text(str(self), read_text(self, *arguments, **named))

    Path.read_text = read  # type: ignore[method-assign] # named queries are texts beside the modules


def _chosen() -> Sequence[Change]:
    name = os.environ["CLAWBACK_MUTANT"]
    return next(mutant.changes for mutant in MUTANTS if mutant.name == name)


if "CLAWBACK_MUTANT" in os.environ:
    plant(_chosen())
