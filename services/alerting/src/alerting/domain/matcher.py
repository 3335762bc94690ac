"""Matchers, as Alertmanager writes them: ``severity="critical"``, ``name=~"Takedown.*"``, ``!=``, ``!~``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

_WRITTEN = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s{},]*))\s*')
LENGTH_MAX = 1000


@dataclass(frozen=True)
class Matcher:
    """One condition on one label. A label that is not there is the empty text."""

    label: str
    operator: str
    value: str

    @classmethod
    def parse(cls, written: str) -> "Matcher":
        """Reads one.

        Raises:
            ValueError: says what is wrong, without repeating what was written.
        """
        found = _WRITTEN.fullmatch(written) if len(written) <= LENGTH_MAX else None
        if found is None:
            raise ValueError('not a matcher such as severity="critical": label, one of = != =~ !~, value')
        label, operator, quoted, bare = found.groups()
        value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted) if "~" not in operator else quoted
        matcher = cls(label, operator, value)
        if "~" in operator:
            try:
                _ = matcher.expression
            except re.error:
                raise ValueError("its value is no regular expression") from None
        return matcher

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """Anchored, as everywhere in Prometheus."""
        return re.compile(self.value, re.DOTALL)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it."""
        found = labels.get(self.label, "")
        hit = self.expression.fullmatch(found) is not None if "~" in self.operator else found == self.value
        return hit is not self.operator.startswith("!")


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels fulfil each of them; nothing to fulfil is fulfilled."""
    return all(matcher.matches(labels) for matcher in matchers)
