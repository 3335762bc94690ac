"""The catalogue of mistakes fits the source that it reads_body of, and names tests that exist."""

import ast
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.planting import ROOT, DoesNotFit, Planting, fragment

RUFF = (sys.executable, "-m", "ruff", "format", "--quiet", "--isolated", "--no-cache")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_planted_and_names_who_must_catch_it(mutant: Mutant) -> None:
    planting = Planting(mutant.changes)
    for change in mutant.changes:
        source = (ROOT / change.file).read_text()
        assert planting.text(str(ROOT / change.file), source) != source
    assert mutant.tests
    for test in mutant.tests:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text()


@pytest.mark.parametrize("columns", [88, 160])
def test_a_mutant_still_fits_when_its_file_is_formatted_otherwise(tmp_path: Path, columns: int) -> None:
    files = sorted({change.file for mutant in MUTANTS for change in mutant.changes})
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / file, tmp_path / file)
    subprocess.run(  # noqa: S603 - arguments are ours
        [*RUFF, "--line-length", str(columns), "--config", "format.skip-magic-trailing-comma=true", "."],
        cwd=tmp_path,
        check=True,
    )
    changed = [file for file in files if (tmp_path / file).read_bytes() != (ROOT / file).read_bytes()]
    assert len(changed) > len(files) / 2
    for mutant in MUTANTS:
        planting = Planting(mutant.changes)
        for file in {change.file for change in mutant.changes}:
            planted = planting.text(str(ROOT / file), (tmp_path / file).read_text())
            if file.endswith(".py"):
                ast.parse(planted)


@pytest.mark.parametrize(
    ("old", "source", "fits"),
    [
        ("f(a, b)", "f(\n    a,\n    b,\n)", True),
        ("return x", "returnx", False),
        ("not in", "notin", False),
        ("    x = 1\n", "\tx = 1\n", False),
        ("x != y", "x ! = z", False),
    ],
)
def test_spaces_and_commas_at_the_end_of_brackets_do_not_count(old: str, source: str, *, fits: bool) -> None:
    assert bool(fragment(old).search(source)) is fits


def test_every_name_is_given_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_change_that_does_not_fit_is_an_error_and_no_mutant_that_survives() -> None:
    change = MUTANTS[0].changes[0]
    with pytest.raises(DoesNotFit):
        Planting([change]).text(str(ROOT / change.file), "something else")


def test_what_is_not_changed_is_read_as_it_is() -> None:
    here = Path(__file__)
    assert Planting(MUTANTS[0].changes).text(str(here), "text") == "text"
