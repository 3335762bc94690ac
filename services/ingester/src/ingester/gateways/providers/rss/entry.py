"""Converts one entry of RSS or Atom to an article or a revocation.

Both formats have the same fields under different names, and may use each other's names: one table serves both.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, TypeVar

from lxml import etree
from pydantic import ValidationError

from clawback_common.errors import Poison
from clawback_contracts.article.v1 import ArticleSubmitted, Licence, Source
from ingester.domain.article import EPOCH, MICROSECOND
from ingester.gateways.providers.port import Revoked
from ingester.gateways.providers.rss.document import DELETED, XML_LANG, name_of
from ingester.gateways.providers.scalars import instant, internet_date, language
from ingester.gateways.providers.text import clean, one_line
from ingester.gateways.providers.validation import places

T = TypeVar("T")

PROVIDER: Final = "rss"
NAME_CHARS_MAX: Final = 500
AHEAD_MAX: Final = timedelta(days=1)
"""A clock or a time zone may be wrong. A time further in the future would block all updates until then."""
_WEB: Final = re.compile(r"https?://[^\s<>\"]{1,2000}", re.IGNORECASE)
_IDS: Final = ("guid", "atom:id")
_PUBLISHED: Final = ("atom:published", "pubDate", "dc:date", "dcterms:created")
_UPDATED: Final = ("atom:updated", "dcterms:modified")


@dataclass(frozen=True, slots=True)
class Holder:
    """The feed of the entries, and the values for entries without their own."""

    feed: str
    source: Source
    licence: Licence
    language: str | None


@dataclass(frozen=True, slots=True)
class ParsedArticle:
    """An article, and its fields that exist and could not be read."""

    article: ArticleSubmitted
    not_understood: frozenset[str]


def is_revocation(entry: etree._Element) -> bool:
    """Returns whether the element reports a deleted entry."""
    return name_of(entry) == DELETED


def revoked_from(entry: etree._Element, holder: Holder, received_at: datetime) -> Revoked:
    """Returns the revocation; its time may be unreadable.

    Raises:
        Poison: It does not name an entry.
    """
    ref = clean(entry.get("ref") or "")
    if not ref:
        raise Poison("no_ref", "ref")
    when = _credible(instant(clean(entry.get("when") or "")), received_at)
    sequence = None if when is None else str((when - EPOCH) // MICROSECOND)
    return Revoked(_id(holder.feed, ref), sequence, when)


def id_of(entry: etree._Element, holder: Holder) -> str | None:
    """Returns its id within the provider, if it has one."""
    key = _key(_Fields(entry))
    return _id(holder.feed, key) if key else None


def article_from(entry: etree._Element, holder: Holder, received_at: datetime) -> ParsedArticle:
    """Returns the article.

    Args:
        entry: An entry of a document.
        holder: The feed of the entry.
        received_at: The time of publication of an entry without one.

    Raises:
        Poison: The entry cannot be used; the text names fields, never values.
    """
    fields = _Fields(entry)
    key = _key(fields)
    if not key:
        raise Poison("no_id", "guid, atom:id, link")
    try:
        article = ArticleSubmitted(
            article_id=f"{PROVIDER}:{_id(holder.feed, key)}",
            source=holder.source,
            licences=(holder.licence,),
            **_times(fields, received_at),
            **_words(fields, holder),
        )
    except ValidationError as error:
        raise Poison("invalid", places(error)) from None
    return ParsedArticle(article, frozenset(fields.not_understood))


def _times(fields: "_Fields", received_at: datetime) -> dict[str, Any]:
    published, updated = (_moment(fields, names, received_at) for names in (_PUBLISHED, _UPDATED))
    dated = updated or published
    return {
        "source_order": _order(dated),
        "published_at": published or updated or received_at,
        "updated_at": updated,
    }


def _words(fields: "_Fields", holder: Holder) -> dict[str, Any]:
    return {
        "title": one_line(fields.text("title", "atom:title") or ""),
        "summary": fields.text("description", "atom:summary"),
        "body": fields.text("content:encoded", "atom:content"),
        "authors": fields.names("author", "dc:creator", "atom:author"),
        "tags": fields.names("category", "dc:subject", "atom:category"),
        "language": fields.read(language, "dc:language", XML_LANG) or holder.language,
        "url": fields.read(_url, "link", "atom:link"),
        "copyright": fields.text("dc:rights", "atom:rights"),
    }


class _Fields:
    """The elements of an entry by name, and its language attribute.

    Attributes:
        not_understood: The names of fields that exist and could not be read.
    """

    def __init__(self, entry: etree._Element) -> None:
        self.not_understood: set[str] = set()
        self._found: dict[str, list[str]] = defaultdict(list)
        for child in entry:
            name = name_of(child)
            self._found[name].extend(each for each in _texts(name, child) if each)
        if entry.get(XML_LANG):
            self._found[XML_LANG].append(str(entry.get(XML_LANG)))

    def text(self, *names: str) -> str | None:
        """Returns the first text under these names."""
        return next(self._texts(names), None)

    def read(self, read: Callable[[str], T | None], *names: str) -> T | None:
        """Returns the first readable value under these names."""
        for name in names:
            for text in self._found.get(name, ()):
                value = read(text)
                if value is not None:
                    return value
                self.not_understood.add("xml:lang" if name == XML_LANG else name)
        return None

    def names(self, *names: str) -> tuple[str, ...]:
        """Returns the texts under these names, without repeats."""
        found: dict[str, None] = {}
        for name in names:
            for text in map(one_line, self._found.get(name, ())):
                if len(text) <= NAME_CHARS_MAX:
                    found[text] = None
                else:
                    self.not_understood.add(name)
        return tuple(found)

    def _texts(self, names: Iterable[str]) -> Iterator[str]:
        return (text for name in names for text in self._found.get(name, ()))


def _texts(name: str, element: etree._Element) -> Iterator[str]:
    """Returns the texts of an element; most elements have one."""
    match name:
        case "atom:link":
            if element.get("rel", "alternate") == "alternate":
                yield clean(element.get("href") or "")
        case "atom:category":
            yield clean(element.get("label") or element.get("term") or "")
        case "atom:author":
            yield from (_text(child) for child in element if name_of(child) == "atom:name")
        case "atom:title" | "atom:summary" | "atom:content" if element.get("type") == "xhtml":
            yield from (clean(etree.tostring(part, encoding="unicode", with_tail=False)) for part in element)
        case _:
            yield _text(element)


def _text(element: etree._Element) -> str:
    return clean("".join(str(part) for part in element.itertext()))


def _key(fields: _Fields) -> str | None:
    """Returns the identity of the entry: its id, else its link, in any form."""
    return fields.text(*_IDS) or fields.text("link", "atom:link")


def _id(feed: str, key: str) -> str:
    """Returns a valid article id for any text of a guid."""
    return f"{feed}-{blake2b(key.encode(), digest_size=16).hexdigest()}"


def _moment(fields: _Fields, names: Iterable[str], received_at: datetime) -> datetime | None:
    return fields.read(lambda text: _credible(instant(text) or internet_date(text), received_at), *names)


def _credible(moment: datetime | None, received_at: datetime) -> datetime | None:
    return moment if moment is not None and moment <= received_at + AHEAD_MAX else None


def _order(dated: datetime | None) -> int:
    """Returns microseconds since 1970. An entry without a time counts as the oldest, so its first copy stays."""
    return 0 if dated is None else max(0, (dated - EPOCH) // MICROSECOND)


def _url(text: str) -> str | None:
    return text if _WEB.fullmatch(text) else None
