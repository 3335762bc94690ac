"""The tables of settings in the READMEs and the settings that processes read are the same, with the same numbers."""

import importlib
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic_settings import BaseSettings

from clawback_common.config.settings import CommonSettings
from clawback_local.config import DATABASES

ROOT = Path(__file__).parents[2]
NAMES = DATABASES
HEADER = "variable"
"""The first column of a table of settings."""
OF_A_ROLE = {"api_port", "probe_port"}
"""Defaults of HTTP_PORT, which is documented in their place."""
BY_ROLE = {"HTTP_PORT"}
"""Its default stands for those."""
CELL_BORDER = re.compile(r"(?<!\\)\|")
VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]*\*?)`")
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")


class Row(NamedTuple):
    """Of a table of settings."""

    variables: tuple[str, ...]
    """A name that ends in ``*`` stands for all that begin so."""
    default: str


def rows(text: str) -> Iterator[Row]:
    """Those of all tables of settings in a document."""
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        first, default, *_ = (cell.strip() for cell in CELL_BORDER.split(line)[1:-1])
        if inside and set(first) != {"-"}:
            yield Row(tuple(VARIABLE.findall(first)), default)
        inside = inside or first == HEADER


def settings_of(service: str) -> type[BaseSettings]:
    """What a process of a service reads."""
    found: type[BaseSettings] = importlib.import_module(f"{service}.settings").Settings
    return found


def variables(settings: type[BaseSettings]) -> dict[str, Any]:
    """The variables of settings, with their defaults."""
    return {
        name.upper(): field.default for name, field in settings.model_fields.items() if name not in OF_A_ROLE
    }


def undocumented(names: Iterator[str] | set[str], table: list[Row]) -> list[str]:
    """Those that no row has."""
    patterns = [pattern for row in table for pattern in row.variables]
    return sorted(name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns))


def unknown(table: list[Row], known: set[str]) -> list[str]:
    """Variables in rows that no process reads."""
    return [
        pattern
        for row in table
        for pattern in row.variables
        if not any(fnmatchcase(name, pattern) for name in known)
    ]


def other_numbers(table: list[Row], defaults: dict[str, Any]) -> list[str]:
    """Settings whose default is a number that their row does not have."""
    return [
        f"{name} is {default:g}, not {row.default}"
        for row in table
        for name in row.variables
        if name not in BY_ROLE
        if isinstance(default := defaults.get(name), int | float) and not isinstance(default, bool)
        if default not in {float(number) for number in NUMBER.findall(row.default)}
    ]


ALL = [*rows((ROOT / "README.md").read_text())]
OF_SERVICE = {name: [*rows((ROOT / "services" / name / "README.md").read_text())] for name in NAMES}
COMMON = variables(CommonSettings)


def test_a_table_is_read_as_it_is_written() -> None:
    text = "| variable | default | |\n|---|---|---|\n| `A_S`, `B_*` | 20, `x \\| y` | why |\n\n| a | b |\n| `C` | 1 |\n"
    assert [*rows(text)] == [Row(("A_S", "B_*"), "20, `x \\| y`")]
    table = [Row(("A_S", "B_*"), "20: as long as that")]
    assert undocumented({"A_S", "B_C", "D"}, table) == ["D"]
    assert unknown(table, {"A_S"}) == ["B_*"]
    assert other_numbers(table, {"A_S": 2}) == ["A_S is 2, not 20: as long as that"]
    assert other_numbers(table, {"A_S": 20.0}) == []


@pytest.mark.parametrize("service", NAMES)
def test_every_setting_of_a_service_is_in_the_table_of_all(service: str) -> None:
    assert undocumented(set(variables(settings_of(service))), ALL) == []


@pytest.mark.parametrize("service", NAMES)
def test_every_setting_of_its_own_is_in_the_table_of_the_service(service: str) -> None:
    own = variables(settings_of(service)).keys() - COMMON.keys()
    assert undocumented(set(own), OF_SERVICE[service]) == []


def test_every_variable_in_a_table_is_read_by_a_process() -> None:
    assert unknown(ALL, {name for service in NAMES for name in variables(settings_of(service))}) == []
    for service in NAMES:
        assert unknown(OF_SERVICE[service], set(variables(settings_of(service)))) == []


@pytest.mark.parametrize("service", NAMES)
def test_defaults_that_are_numbers_are_those_of_the_tables(service: str) -> None:
    defaults = variables(settings_of(service))
    assert other_numbers([*ALL, *OF_SERVICE[service]], defaults) == []
