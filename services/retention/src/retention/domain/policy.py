"""Policies: how long a class of data is kept. A file of them is read whole, and every mistake is told with its line."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import yaml

from clawback_contracts.sweep.v1 import Action
from retention.domain.age import YEARS_MAX, Age, age
from retention.domain.classes import CLASSES, SERVICES

T = TypeVar("T")
KEYS = ("description", "basis", "age", "action", "owners")
TEXT_MAX = 500


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a class is kept, how it goes, and who sees to it."""

    data_class: str
    description: str
    basis: str
    """Why so long: the law, the licence, the need."""
    age: Age
    action: Action
    owners: tuple[str, ...]

    @property
    def terms(self) -> str:
        """What a sweep does by it, in words."""
        return f"{self.action.value} after {self.age} by {', '.join(sorted(self.owners))}"

    def before(self, now: datetime) -> datetime:
        """What dates from before this instant is to go."""
        return self.age.before(now)


class Mistakes(ValueError):
    """What is wrong with a file of policies, a line a mistake."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("\n".join(found))
        self.found = found


def read(text: str, name: str, *, short_ages: bool = False) -> dict[str, Policy]:
    """The policies by class, in the file's order.

    Args:
        text: of the file, YAML.
        name: of the file, for the mistakes.
        short_ages: minutes and hours are allowed, for trying things out.

    Raises:
        Mistakes: all that is wrong, each with file and line.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Mistakes([f"{name}:{line}: no YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise Mistakes([f"{name}:1: no YAML: {type(error).__name__}"]) from None
    reader = _Reader(name, short_ages=short_ages)
    found = reader.policies(root)
    if reader.mistakes:
        raise Mistakes([words for _, words in sorted(reader.mistakes, key=lambda mistake: mistake[0])])
    return found


class _Reader:
    """Goes through the file's nodes, which know their lines, and remembers what is wrong."""

    def __init__(self, name: str, *, short_ages: bool) -> None:
        self._name = name
        self._short_ages = short_ages
        self.mistakes: list[tuple[int, str]] = []

    def policies(self, root: yaml.Node | None) -> dict[str, Policy]:
        """All that could be read."""
        if root is None:
            self._wrong(None, "there is nothing in the file; it needs a mapping with the key policies")
            return {}
        top = dict(self._entries(root, "the file"))
        for name, (key, _) in top.items():
            if name != "policies":
                self._wrong(key, f"unknown key {name!r}; the file has policies and nothing else")
        if "policies" not in top:
            self._wrong(root, "the key policies is missing")
            return {}
        key, listed = top["policies"]
        found: dict[str, Policy] = {}
        seen = set[str]()
        for name, (named, body) in self._entries(listed, "policies"):
            seen.add(name)
            policy = self._policy(name, named, body)
            if policy is not None:
                found[name] = policy
        for missing in CLASSES.keys() - seen:
            self._wrong(key, f"{missing} has no policy, so it would be kept for ever")
        return found

    def _policy(self, name: str, named: yaml.Node, body: yaml.Node) -> Policy | None:
        if name not in CLASSES:
            self._wrong(named, f"unknown class {name!r}; there are {', '.join(CLASSES)}")
            return None
        given = dict(self._entries(body, name))
        for key, (where, _) in given.items():
            if key not in KEYS:
                self._wrong(where, f"{name}: unknown key {key!r}; a policy has {', '.join(KEYS)}")

        def part(key: str, read_one: Callable[[str, yaml.Node], T | None]) -> T | None:
            if key not in given:
                self._wrong(named, f"{name}: the key {key} is missing")
                return None
            return read_one(name, given[key][1])

        description, basis = part("description", self._text), part("basis", self._text)
        kept, action, owners = (
            part("age", self._age),
            part("action", self._action),
            part("owners", self._owners),
        )
        if None in {description, basis} or kept is None or action is None or owners is None:
            return None
        return Policy(name, description or "", basis or "", kept, action, owners)

    def _text(self, name: str, node: yaml.Node) -> str | None:
        text = _scalar(node)
        if not text or len(text) > TEXT_MAX:
            self._wrong(node, f"{name}: a text of 1 to {TEXT_MAX} characters belongs here")
            return None
        return text

    def _age(self, name: str, node: yaml.Node) -> Age | None:
        written = _scalar(node) or ""
        found = age(written)
        least = CLASSES[name].least
        if found is None:
            self._wrong(
                node,
                f'{name}: {written!r} is no age; say it like "30 days" or "2 years", up to {YEARS_MAX} years',
            )
        elif least is not None and found.is_under(least):
            self._wrong(node, f"{name}: {found} is too short, it must be kept for {least} at least")
        elif found.short and not self._short_ages:
            self._wrong(
                node, f"{name}: {found} is too short; minutes and hours are for ENVIRONMENT=development"
            )
        else:
            return found
        return None

    def _action(self, name: str, node: yaml.Node) -> Action | None:
        written, expected = _scalar(node) or "", CLASSES[name].action
        removing = [action.value for action in Action if action.removes]
        if written not in removing:
            self._wrong(node, f"{name}: unknown action {written!r}; there are {' and '.join(removing)}")
            return None
        if written != expected:
            self._wrong(node, f"{name}: the action must be {expected.value}, not {written}")
            return None
        return expected

    def _owners(self, name: str, node: yaml.Node) -> tuple[str, ...] | None:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._wrong(node, f"{name}: a list of at least one owner belongs here")
            return None
        before = len(self.mistakes)
        owners: list[str] = []
        for item in node.value:
            owner = _scalar(item) or ""
            if owner not in SERVICES:
                self._wrong(item, f"{name}: unknown owner {owner!r}; there are {', '.join(sorted(SERVICES))}")
            elif owner not in CLASSES[name].owners:
                self._wrong(item, f"{name}: {owner} owns none of it")
            elif owner in owners:
                self._wrong(item, f"{name}: the owner {owner} stands there twice")
            owners.append(owner)
        for missing in sorted(CLASSES[name].owners - set(owners)):
            self._wrong(node, f"{name}: the owner {missing} is missing, and would keep its part for ever")
        return tuple(owners) if len(self.mistakes) == before else None

    def _entries(self, node: yaml.Node, where: str) -> Iterator[tuple[str, tuple[yaml.Node, yaml.Node]]]:
        """A mapping's keys with their nodes, each once."""
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{where}: a mapping belongs here")
            return
        seen = set[str]()
        for key, value in node.value:
            name = _scalar(key)
            if name is None:
                self._wrong(key, f"{where}: a key is a word")
            elif name in seen:
                self._wrong(key, f"{where}: {name!r} stands there twice")
            else:
                seen.add(name)
                yield name, (key, value)

    def _wrong(self, node: yaml.Node | None, words: str) -> None:
        line = node.start_mark.line + 1 if node is not None else 1
        self.mistakes.append((line, f"{self._name}:{line}: {words}"))


def _scalar(node: yaml.Node) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def differing(policies: Iterable[Policy], in_force: Mapping[str, str]) -> list[str]:
    """How these differ from the terms in force, a line a class; nothing when none are known.

    Args:
        policies: of this process.
        in_force: terms by class.
    """
    return [
        f"{policy.data_class}: here {policy.terms}, in force {in_force.get(policy.data_class, 'nothing')}"
        for policy in policies
        if in_force and in_force.get(policy.data_class) != policy.terms
    ]


def by_class(policies: Mapping[str, Policy], data_class: str | None) -> list[Policy]:
    """One policy, or with None all of them; an unknown class gives none."""
    if data_class is None:
        return list(policies.values())
    return [policies[data_class]] if data_class in policies else []
