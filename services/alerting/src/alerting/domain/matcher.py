"""Matchers, as Alertmanager writes them: ``severity="critical"``, ``name=~"Takedown.*"``, ``!=``, ``!~``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

_WRITTEN = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s{},]*))\s*')
LENGTH_MAX = 1000
EXPRESSION_MAX = 200
"""Characters of a regular expression."""
EXPRESSION_BYTES_MAX = 1 << 20
"""Memory of one that is compiled, its automaton included."""


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
            _expression(value)
        return matcher

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels fulfil it."""
        found = labels.get(self.label, "")
        hit = bool(_expression(self.value).fullmatch(found)) if "~" in self.operator else found == self.value
        return hit is not self.operator.startswith("!")


@lru_cache(maxsize=256)
def _expression(value: str) -> Any:
    """RE2, as in Prometheus: a label is read once, whatever the expression. Python's own can take for ever.

    Raises:
        ValueError: it is none of RE2's syntax, or takes more room than it may.
    """
    options = re2.Options()
    options.dot_nl, options.log_errors, options.max_mem = True, False, EXPRESSION_BYTES_MAX
    try:
        if len(value) <= EXPRESSION_MAX:
            return re2.compile(value, options)
    except re2.error:
        pass
    raise ValueError(f"its value is no regular expression of RE2 with up to {EXPRESSION_MAX} characters")


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels fulfil each of them; nothing to fulfil is fulfilled."""
    return all(matcher.matches(labels) for matcher in matchers)


def may_match_critical(matchers: Sequence[Matcher]) -> bool:
    """Whether a critical alert can fulfil all of them."""
    return all(one.matches({"severity": "critical"}) for one in matchers if one.label == "severity")


def names_an_alert(matchers: Sequence[Matcher]) -> bool:
    """Whether they fit alerts of one name alone."""
    return any(one.label in {"name", "alertname"} and one.operator == "=" for one in matchers)
