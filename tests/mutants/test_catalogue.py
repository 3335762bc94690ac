"""The catalogue of mistakes fits the source that it reads_body of, and names tests that exist."""

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.planting import ROOT, DoesNotFit, Planting


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


def test_every_name_is_given_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_change_that_does_not_fit_is_an_error_and_no_mutant_that_survives() -> None:
    change = MUTANTS[0].changes[0]
    with pytest.raises(DoesNotFit):
        Planting([change]).text(str(ROOT / change.file), "something else")


def test_what_is_not_changed_is_read_as_it_is() -> None:
    here = Path(__file__)
    assert Planting(MUTANTS[0].changes).text(str(here), "text") == "text"
