"""The policies file: each class of data once, with its age, the reason, and its owners."""

from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints

from clawback_common.config.yaml_file import Loc, read_file, read_text
from retention.domain.age import age
from retention.domain.classes import CLASSES
from retention.domain.policy import Policy, policy_errors

PACKAGED = "policies.yaml"
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class _Entry(BaseModel, extra="forbid"):
    description: Text
    basis: Text
    age: str
    action: str
    owners: tuple[str, ...]


class _File(BaseModel, extra="forbid"):
    policies: dict[str, _Entry]


def read_policies(path: Path | None, *, short_ages: bool = False) -> dict[str, Policy]:
    """Reads the policies by class, in the file's order.

    Args:
        path: the file; None: the packaged one.
        short_ages: whether minutes and hours are allowed, for trials.

    Raises:
        FileError: the file has errors; each is reported with its line.
    """
    check = partial(_check, short_ages=short_ages)
    if path is not None:
        found = read_file(path, _File, check)
    else:
        packaged = files("retention").joinpath(PACKAGED).read_text(encoding="utf-8")
        found = read_text(packaged, PACKAGED, _File, check)
    return {name: _policy(name, entry) for name, entry in found.policies.items()}


def _check(found: _File, *, short_ages: bool) -> Iterator[tuple[Loc, str]]:
    for name, entry in found.policies.items():
        if name not in CLASSES:
            yield ("policies", name), f"unknown class {name!r}; known classes: {', '.join(CLASSES)}"
            continue
        for part, words in policy_errors(name, entry.age, entry.action, entry.owners, short_ages=short_ages):
            yield ("policies", name, part), f"{name}: {words}"
    for missing in CLASSES.keys() - found.policies.keys():
        yield ("policies",), f"{missing} has no policy, so it would never be deleted"


def _policy(name: str, entry: _Entry) -> Policy:
    kept = age(entry.age)
    assert kept is not None  # noqa: S101 - checked by `_check`
    return Policy(name, entry.description, entry.basis, kept, CLASSES[name].action, entry.owners)
