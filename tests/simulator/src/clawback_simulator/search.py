"""Boolean search over the feed: words, phrases, fields, ranges, AND, OR, NOT and parentheses."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from clawback_simulator import query
from clawback_simulator.catalogue import Wire
from clawback_simulator.codes import Refusal
from clawback_simulator.query import Params
from clawback_simulator.simulator import Simulator

Match = Callable[[Wire], bool]
RECENT_DAYS = 3
TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<field>[A-Za-z][\w.]*):|(?P<phrase>"[^"]*")"""
    r"""|(?P<range>\[\S+\s+TO\s+\S+\])|(?P<word>[^\s()":\[\]]+))"""
)


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results: positions on the feed and their articles; `total` counts the results from the cursor on."""

    positions: list[int]
    articles: list[Wire]
    total: int


def search(simulator: Simulator, params: Params, cursor: int | None, limit: int) -> Found:
    """Returns the results of the query, newest first unless `sort=asc`."""
    text = params.get("query", "")
    if len(text) > query.QUERY_CHARACTERS_MAX:
        raise Refusal(1020)
    _check_relevance(params)
    matches = Parser(text).parse()
    ascending = params.get("sort", "desc") == "asc"
    positions: list[int] = []
    found: list[Wire] = []
    total = 0
    groups: set[str] = set()
    for position in _candidates(simulator, params, cursor, ascending=ascending):
        article = simulator.article(position)
        if not article or not matches(article):
            continue
        total += 1
        if query.flag(params, "filter_duplicates") and article["duplicateGroupId"] in groups:
            continue
        groups.add(article["duplicateGroupId"])
        if len(found) < limit:
            positions.append(position)
            found.append(_decorated(article, params, text))
    return Found(positions, found, total)


def _candidates(simulator: Simulator, params: Params, cursor: int | None, *, ascending: bool) -> range:
    world = simulator.world
    days = RECENT_DAYS if query.flag(params, "recent") else simulator.settings.search_days
    oldest = world.oldest_held(days)
    if cursor is None or query.flag(params, "sort_by_relevance"):
        held = range(oldest, len(world.feed))
        return held if ascending else held[::-1]
    if ascending:
        return range(max(oldest, world.after(cursor)), len(world.feed))
    return range(oldest, world.after(cursor - 1) if cursor else len(world.feed))[::-1]


def _check_relevance(params: Params) -> None:
    percent = params.get("relevance_percent", "0")
    if not (percent.isascii() and percent.isdigit() and int(percent) <= 100):
        raise Refusal(1019)


def _decorated(article: Wire, params: Params, text: str) -> Wire:
    if query.flag(params, "show_relevance_score"):
        article["relevanceScore"] = f"{50 + len(article['title']) % 50}.0"
    if query.flag(params, "show_matching_keywords"):
        article["matchingKeywords"] = [
            word for word in re.findall(r"\w+", text) if word not in {"AND", "OR", "NOT", "TO"}
        ]
    return article


class Parser:
    """A recursive-descent parser of queries; terms without an operator are joined by AND."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                _invalid()
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()

    def parse(self) -> Match:
        """Returns the query as a predicate; rejects an invalid one with 1021."""
        if not self._tokens:
            _invalid()
        matches = self._any()
        if self._tokens:
            _invalid()
        return matches

    def _any(self) -> Match:
        terms = [self._all()]
        while self._peek() == ("word", "OR"):
            self._tokens.pop(0)
            terms.append(self._all())
        return lambda article: any(term(article) for term in terms)

    def _all(self) -> Match:
        terms = [self._one()]
        while self._tokens and self._peek() != ("word", "OR") and self._peek()[0] != "close":
            if self._peek() == ("word", "AND"):
                self._tokens.pop(0)
            terms.append(self._one())
        return lambda article: all(term(article) for term in terms)

    def _one(self) -> Match:
        kind, text = self._next()
        if (kind, text) == ("word", "NOT"):
            term = self._one()
            return lambda article: not term(article)
        if kind == "open":
            term = self._any()
            if self._next()[0] != "close":
                _invalid()
            return term
        if kind == "field":
            return _field(text, *self._next())
        if kind not in {"word", "phrase"} or text in {"AND", "OR"}:
            _invalid()
        wanted = text.strip('"').lower()
        return lambda article: wanted in article["title"].lower() or wanted in article["content"].lower()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[0] if self._tokens else ("end", "")

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            _invalid()
        return self._tokens.pop(0)


def _field(name: str, kind: str, text: str) -> Match:
    if kind == "range":
        low, high = text[1:-1].split(" TO ")
        return lambda article: (
            (low == "*" or low <= _value(article, name)) and (high == "*" or _value(article, name) <= high)
        )
    if kind not in {"word", "phrase"}:
        _invalid()
    wanted = text.strip('"').lower()
    return lambda article: wanted in _value(article, name).lower()


def _value(article: Wire, name: str) -> str:
    """Returns a field by its dotted path; a missing one is empty."""
    value: object = article
    for part in name.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return value if isinstance(value, str) else str(value)


def _invalid() -> NoReturn:
    raise Refusal(1021)
