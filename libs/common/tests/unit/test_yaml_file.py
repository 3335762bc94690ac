"""Configuration files are read as a whole, and each error is reported with its line and without values."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from clawback_common.config.yaml_file import FileError, Loc, one_each, read_file, read_text

SECRET = "zq-secret-4410"


class Person(BaseModel):
    """An entry of the file."""

    model_config = ConfigDict(extra="forbid")

    name: str
    age: int = 0
    away: bool = False


class People(BaseModel):
    """The contents of the file."""

    model_config = ConfigDict(extra="forbid")

    people: list[Person]


def differing_names(found: People) -> Iterator[tuple[Loc, str]]:
    return one_each(((("people", n, "name"), one.name) for n, one in enumerate(found.people)), "person")


def refused(text: str) -> list[str]:
    with pytest.raises(FileError) as error:
        read_text(text, "f.yaml", People, differing_names)
    return str(error.value).splitlines()


def test_values_are_converted_by_the_model_however_they_are_written() -> None:
    found = read_text("people: [{name: 7, age: '8', away: yes}]", "f", People)
    assert found.people == [Person(name="7", age=8, away=True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("people:\n  - {nme: ann}", "f.yaml:2: people[0]: unknown key 'nme'"),
        ("people:\n  - age: 1", "f.yaml:2: people[0]: the key name is missing"),
        ("people:\n  - name: ann\n    age: old", "f.yaml:3: people[0].age: "),
        ("people:\n  - name: ann\n  - name: ann", "f.yaml:3: duplicate person ann"),
        ("people:\n  - name: ann\n    name: eve", "f.yaml:3: people[0]: duplicate key 'name'"),
        ("people: ann", "f.yaml:1: people: a list is required"),
        ("people:\n  - ann", "f.yaml:2: people[0]: a mapping is required"),
        ("? [a]\n: b", "f.yaml:1: a key must be a scalar"),
        ("", "f.yaml:1: a mapping is required"),
        ("people: [", "f.yaml:1: not YAML"),
        ("a: 1\n---\nb: 2", "f.yaml:2: not YAML"),
        ("a: \x00", "f.yaml:1: not YAML"),
        ("&a people: [*a]", "f.yaml:1: people[0]: a mapping is required"),
        ("people: &a [*a]", "f.yaml:1: an alias contains itself"),
        ("[" * 5_000, "f.yaml:1: "),
    ],
)
def test_an_error_is_reported_with_its_line(text: str, words: str) -> None:
    assert [line for line in refused(text) if line.startswith(words)], refused(text)


def test_all_errors_are_reported_at_once_in_the_order_of_their_lines() -> None:
    lines = refused("people:\n  - {}\n  - name: ann\n    age: x\nmore: 1")
    assert [line.split(":")[1] for line in lines] == ["2", "4", "5"]


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for n in range(1, 12):
        bomb += f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n"
    assert any("too many nodes" in line for line in refused(bomb))


def test_reported_errors_contain_no_value() -> None:
    text = f"people:\n  - name: [{SECRET}]\n    age: {SECRET}\n    away: {SECRET}"
    assert SECRET not in "".join(refused(text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"none.yaml cannot be read: No such file"):
        read_file(tmp_path / "none.yaml", People)
    (tmp_path / "latin.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(FileError, match=r"latin.yaml cannot be read: it is not UTF-8"):
        read_file(tmp_path / "latin.yaml", People)
