"""Matchers in Alertmanager's syntax: ``severity="critical"``, ``name=~"Takedown.*"``, ``!=``, ``!~``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

_WRITTEN = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s{},]*))\s*')
LENGTH_MAX = 1000
EXPRESSION_MAX = 200
"""Maximum length of a regular expression, in characters."""
EXPRESSION_BYTES_MAX = 1 << 20
"""Maximum memory of a compiled expression, including its automaton."""


@dataclass(frozen=True)
class Matcher:
    """One condition on one label. A missing label counts as an empty string."""

    label: str
    operator: str
    value: str

    @classmethod
    def parse(cls, written: str) -> "Matcher":
        """Parses a matcher.

        Raises:
            ValueError: it is invalid; the message does not repeat the input.
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
        """Whether the labels match."""
        found = labels.get(self.label, "")
        hit = bool(_expression(self.value).fullmatch(found)) if "~" in self.operator else found == self.value
        return hit is not self.operator.startswith("!")


@lru_cache(maxsize=256)
def _expression(value: str) -> Any:
    """Compiles an RE2 expression, as Prometheus does. RE2 runs in linear time; Python's `re` may take exponential time.

    Raises:
        ValueError: it is not valid RE2, or needs more memory than allowed.
    """
    options = re2.Options()
    options.dot_nl, options.log_errors, options.max_mem = True, False, EXPRESSION_BYTES_MAX
    try:
        if len(value) <= EXPRESSION_MAX:
            return re2.compile(value, options)
    except re2.error:
        pass
    raise ValueError(f"its value is not a valid RE2 regular expression of up to {EXPRESSION_MAX} characters")


def all_match(matchers: Sequence[Matcher], labels: Mapping[str, str]) -> bool:
    """Whether the labels match all matchers; without matchers, everything matches."""
    return all(matcher.matches(labels) for matcher in matchers)


def may_match_critical(matchers: Sequence[Matcher]) -> bool:
    """Whether a critical alert can match all of them."""
    return all(one.matches({"severity": "critical"}) for one in matchers if one.label == "severity")


def names_an_alert(matchers: Sequence[Matcher]) -> bool:
    """Whether they match alerts of a single name only."""
    return any(one.label in {"name", "alertname"} and one.operator == "=" for one in matchers)
