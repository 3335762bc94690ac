"""What a known mistake is: changes of the source, and who must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """In this file, this text (which occurs once) becomes that one."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A possible mistake, and the tests that must catch it."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]


def at(file: str, *names: str) -> tuple[str, ...]:
    """Tests of one file."""
    return tuple(f"{file}::{name}" for name in names)
