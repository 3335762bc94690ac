"""What a known mistake is: changes of the source, and who must notice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """In this file, this text (which stands there once) becomes that one."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A mistake somebody could make, and who must notice."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]


def at(file: str, *names: str) -> tuple[str, ...]:
    """Tests of one file."""
    return tuple(f"{file}::{name}" for name in names)
