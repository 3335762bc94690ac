"""YAML read by hand, so that each mistake has its line; several are told at once."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

import yaml

Node = yaml.nodes.Node

_DURATION = re.compile(r"([0-9]{1,6})(ms|s|m|h|d|w)")
_UNIT = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


class Lines:
    """The mistakes of one file so far: line and words. Words repeat names of keys and things, and no other values."""

    def __init__(self) -> None:
        self.mistakes: list[tuple[int, str]] = []

    def wrong(self, node: Node, words: str) -> None:
        """One mistake."""
        self.mistakes.append((line_of(node), words))

    def fields(
        self, node: Node, what: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> dict[str, Node]:
        """The values of a mapping by key; unknown, missing and repeated keys are mistakes."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{what} is no mapping of keys to values")
            return {}
        found: dict[str, Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name not in {*required, *optional}:
                known = ", ".join((*required, *optional))
                self.wrong(key, f"{what} has an unknown key {name[:40]!r}; it takes {known}")
            elif name in found:
                self.wrong(key, f"{what} says {name} twice")
            else:
                found[name] = value
        for name in required:
            if name not in found:
                self.wrong(node, f"{what} lacks {name}")
        return found

    def items(self, node: Node | None, what: str) -> list[Node]:
        """The items of a list; none when it is left out."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, f"{what} is no list")
            return []
        return list(node.value)

    def text(self, node: Node | None, what: str) -> str:
        """A value as it is written; empty when it is left out or wrong."""
        if node is None:
            return ""
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.wrong(node, f"{what} is no text")
            return ""
        return str(node.value)

    def texts(self, node: Node | None, what: str) -> list[tuple[Node, str]]:
        """A list of texts, each with its place."""
        return [
            (item, text) for item in self.items(node, what) if (text := self.text(item, f"an item of {what}"))
        ]

    def flag(self, node: Node | None, what: str, *, otherwise: bool) -> bool:
        """True or false."""
        if node is None:
            return otherwise
        flag = _FLAGS.get(self.text(node, what).lower())
        if flag is None:
            self.wrong(node, f"{what} is neither true nor false")
            return otherwise
        return flag

    def duration(self, node: Node | None, what: str, otherwise: timedelta) -> timedelta:
        """Such as 30s, 5m, 1h30m."""
        if node is None:
            return otherwise
        written = self.text(node, what)
        parts = _DURATION.findall(written)
        if not parts or "".join(number + unit for number, unit in parts) != written:
            self.wrong(node, f"{what} is no duration such as 30s, 5m, 4h")
            return otherwise
        total = sum((int(number) * _UNIT[unit] for number, unit in parts), timedelta(0))
        if total > timedelta(days=366):
            self.wrong(node, f"{what} is longer than a year")
            return otherwise
        return total

    def day(self, node: Node | None, what: str) -> date:
        """A date such as 2026-01-31; the first of all days when it is left out or wrong."""
        if node is not None:
            try:
                return date.fromisoformat(self.text(node, what))
            except ValueError:
                self.wrong(node, f"{what} is no date such as 2026-01-31")
        return date.min


def line_of(node: Node) -> int:
    """The line on which it begins, from 1."""
    return int(node.start_mark.line) + 1
