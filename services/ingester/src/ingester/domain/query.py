"""The query language of the search: words, phrases, fields, ranges, AND, OR, NOT and parentheses.

It is a part of Metabase's: ``title:"interest rates" AND (bank OR lender) NOT language:de wordCount:[100 TO *]``. Parts
without an operator between them are joined by AND. NOT binds tighter than AND, and AND tighter than OR.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from ingester.domain.terms import entity_term, term

QUERY_CHARS_MAX = 10_000
DEPTH_MAX = 20
"""Of parentheses and NOT within each other."""
PARTS_MAX = 200
"""Words, phrases and fields; each is a lookup in the index."""
WORD_CHARS_MAX = 200
YEARS = (1900, 2200)
NUMBER_MAX = 2**31 - 1


class InvalidQuery(ValueError):
    """The query cannot be understood, or is too large.

    Attributes:
        position: The number of characters before the mistake.
        code: The kind of mistake.
        message: What is wrong, without the words of the query.
    """

    def __init__(self, position: int, code: str, message: str) -> None:
        super().__init__(message)
        self.position, self.code, self.message = position, code, message


class Part(StrEnum):
    """The part of an article in which words are looked up."""

    TITLE = "title"
    SUMMARY = "summary"
    AUTHOR = "author"
    CONTENT = "content"


class Ranged(StrEnum):
    """What a range limits."""

    PUBLISHED = "publishedDate"
    WORD_COUNT = "wordCount"
    SENTIMENT = "sentiment"


@dataclass(frozen=True, slots=True)
class Words:
    """Words that follow each other, anywhere or in one part."""

    text: str
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A value that the article has, such as a topic."""

    term: str


@dataclass(frozen=True, slots=True)
class Range:
    """The limits of a value, both included; None: no limit."""

    ranged: Ranged
    low: datetime | float | None
    high: datetime | float | None
    position: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    """The node does not match."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """All nodes match."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one node matches."""

    nodes: tuple["Node", ...]


Node: TypeAlias = Words | Term | Range | Not | And | Or


@dataclass(frozen=True, slots=True)
class Query:
    """A query: what is looked up in the index, and the ranges that limit it."""

    node: Node
    ranges: tuple[Range, ...] = ()


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"""(?P<open>\() | (?P<close>\)) | (?P<field>[A-Za-z]+):(?=[^\s)])
    | (?P<range>\[[^\[\]\x00-\x1f\x7f]*\]) | (?P<phrase>"[^"\x00]*") | (?P<word>[^\s()"\[\]:\x00-\x1f\x7f]+)""",
    re.VERBOSE,
)
_BOUNDS = re.compile(r"\[\s*(\S+)\s+TO\s+(\S+)\s*\]")
_TERMS: dict[str, Callable[[str], str]] = {
    "language": lambda value: term("language", value),
    "source": lambda value: term("source", value),
    "license": lambda value: term("licence", value),
    "topic": lambda value: term("topic", value),
    "company": lambda value: term("company", value),
    "country": lambda value: term("place", value),
    "entity": lambda value: entity_term(*value.split(":", 1)),
}
FIELDS = (*Part, *_TERMS, *Ranged)


def parse(text: str) -> Query:
    """Returns the query.

    Raises:
        InvalidQuery: The text is not a query, or too large a one.
    """
    if len(text) > QUERY_CHARS_MAX:
        raise InvalidQuery(QUERY_CHARS_MAX, "too_long", f"A query has at most {QUERY_CHARS_MAX} characters")
    node = _Parser(list(_tokens(text)), len(text)).node()
    nodes = node.nodes if isinstance(node, And) else (node,)
    ranges = tuple(one for one in nodes if isinstance(one, Range))
    others = tuple(one for one in nodes if not isinstance(one, Range))
    for nested in _ranges(others):
        words = "A range limits the whole query: it can only be combined with AND, outside parentheses"
        raise InvalidQuery(nested.position, "range_position", words)
    if not _looks_up(And(others)):
        words = "Each alternative needs a word or field that is not negated"
        raise InvalidQuery(0, "nothing_to_look_up", words)
    return Query(_joined(And, others), ranges)


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _TOKEN.match(text, at)
        if found is None or found.lastgroup is None:
            raise InvalidQuery(at, "unexpected_character", "Put a text with such a character into quotes")
        yield _Token(found.lastgroup, found[found.lastgroup], at)
        at = found.end()


class _Parser:
    """Reads tokens from left to right, with one method per rule of the grammar."""

    def __init__(self, tokens: Sequence[_Token], end: int) -> None:
        self._tokens, self._end = tokens, _Token("end", "", end)
        self._next = 0
        self._parts = 0

    def node(self) -> Node:
        """Returns the tree of the whole text."""
        node = self._or(0)
        if self._token.kind != "end":
            raise InvalidQuery(
                self._token.position, "unexpected", "Nothing is open here that could be closed"
            )
        return node

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _skip(self, operator: str) -> bool:
        found = self._token.kind == "word" and self._token.text == operator
        self._next += found
        return found

    def _take(self) -> _Token:
        token = self._token
        self._next += 1
        return token

    def _or(self, depth: int) -> Node:
        nodes = [self._and(depth)]
        while self._skip("OR"):
            nodes.append(self._and(depth))
        return _joined(Or, nodes)

    def _and(self, depth: int) -> Node:
        nodes = [self._not(depth)]
        while self._skip("AND") or not self._ends():
            nodes.append(self._not(depth))
        return _joined(And, nodes)

    def _ends(self) -> bool:
        token = self._token
        return token.kind in {"end", "close"} or (token.kind == "word" and token.text == "OR")

    def _not(self, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise InvalidQuery(self._token.position, "too_deep", f"At most {DEPTH_MAX} levels are allowed")
        return Not(self._not(depth + 1)) if self._skip("NOT") else self._part(depth)

    def _part(self, depth: int) -> Node:
        token = self._take()
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise InvalidQuery(token.position, "too_many_parts", f"At most {PARTS_MAX} parts are allowed")
        match token.kind:
            case "open":
                node = self._or(depth + 1)
                if self._take().kind != "close":
                    raise InvalidQuery(token.position, "not_closed", "This parenthesis is not closed")
                return node
            case "field":
                return _of_field(token, self._take())
            case "word" | "phrase" if token.text not in {"AND", "OR"}:
                return Words(_text(token))
            case _:
                raise InvalidQuery(
                    token.position, "word_expected", "A word, phrase or field is expected here"
                )


def _of_field(field: _Token, value: _Token) -> Node:
    if field.text in set(Ranged):
        return _range(Ranged(field.text), value)
    if value.kind not in {"word", "phrase"}:
        raise InvalidQuery(value.position, "value_expected", "A word or phrase is expected here")
    if field.text in set(Part):
        return Words(_text(value), Part(field.text))
    if field.text not in _TERMS:
        raise InvalidQuery(field.position, "unknown_field", f"The fields are {', '.join(FIELDS)}")
    text = _text(value)
    if field.text == "entity" and ":" not in text:
        raise InvalidQuery(value.position, "entity_expected", 'An entity is given as "Type:value"')
    return Term(_TERMS[field.text](text))


def _text(token: _Token) -> str:
    """Returns the words of a token, which has at least one letter or digit."""
    text = token.text.strip('"')
    if not any(char.isalnum() for char in text):
        raise InvalidQuery(token.position, "no_word", "A letter or digit is expected here")
    if max(map(len, text.split())) > WORD_CHARS_MAX:
        raise InvalidQuery(token.position, "word_too_long", f"A word has at most {WORD_CHARS_MAX} characters")
    return text


def _range(ranged: Ranged, value: _Token) -> Range:
    bounds = _BOUNDS.fullmatch(value.text) if value.kind == "range" else None
    if bounds is None:
        raise InvalidQuery(
            value.position, "range_expected", "A range is given as [low TO high]; * is no limit"
        )
    try:
        low, high = (None if bound == "*" else _bound(ranged, bound) for bound in bounds.groups())
    except ValueError:
        words = "The limits of this range are instants between 1900 and 2200, or numbers"
        raise InvalidQuery(value.position, "limit_invalid", words) from None
    if isinstance(high, datetime) and len(bounds[2]) == len("2018-05-01"):
        high += timedelta(days=1) - timedelta(microseconds=1)
    if low is not None and high is not None and low > high:
        raise InvalidQuery(value.position, "out_of_order", "The low limit is above the high one")
    return Range(ranged, low, high, value.position)


def _bound(ranged: Ranged, text: str) -> Any:
    if ranged is Ranged.PUBLISHED:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        if not YEARS[0] <= at.year < YEARS[1]:
            raise ValueError
        return at.astimezone(UTC)
    number = float(text)
    if not isfinite(number) or abs(number) > NUMBER_MAX:
        raise ValueError
    return number


def _joined(kind: type[And | Or], nodes: Sequence[Node]) -> Node:
    """Returns the only node, or a node of all; an And or Or within the same kind is one with it."""
    if len(nodes) == 1:
        return nodes[0]
    flat = [inner for node in nodes for inner in (node.nodes if isinstance(node, kind) else (node,))]
    return kind(tuple(flat))


def _ranges(nodes: Sequence[Node]) -> Iterator[Range]:
    for node in nodes:
        match node:
            case Range():
                yield node
            case Not(inner):
                yield from _ranges([inner])
            case And(inner) | Or(inner):
                yield from _ranges(inner)
            case Words() | Term():
                pass


def _looks_up(node: Node) -> bool:
    """Returns whether every match has a word or value of the query, so that an index finds it."""
    match node:
        case Words() | Term():
            return True
        case Not() | Range():
            return False
        case And(nodes):
            return any(map(_looks_up, nodes))
        case Or(nodes):
            return all(map(_looks_up, nodes))
